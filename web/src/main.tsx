/** Wires the page: the only place that makes its stores, and so the only one that names browser powers. */
import { createRoot } from 'react-dom/client'
import { type AccessStore, fetchWithAccess } from './inft/access-store.ts'
import { createInftStores } from './inft/create-inft-stores.ts'
import { createMoneyStores } from './money/create-money-stores.ts'
import { fetchDisputes } from './money/fetch-disputes.ts'
import { fetchWithSession } from './money/fetch-with-session.ts'
import { createTabStore } from './peer/create-tab-store.ts'
import { createIndexedDbArchive } from './ui/chat/conversation-archive.ts'
import { fetchTrace } from './ui/chat/fetch-trace.ts'
import { readSettings, writeSettings } from './ui/chat/sampling-settings.ts'
import { streamChat } from './ui/chat/stream-chat.ts'
import { probeMachine } from './ui/operate/machine.ts'
import { createRouterStore } from './ui/router/router-store.ts'
import { App } from './ui/shell/App.tsx'
import { createAttestationStore } from './ui/stores/attestation-store.ts'
import { createChatStore } from './ui/stores/chat-store.ts'
import { createDisputesStore } from './ui/stores/disputes-store.ts'
import { createBrowserModelsStore } from './ui/stores/models-store.ts'
import { createBrowserPackStore } from './ui/stores/pack-store.ts'
import { createBrowserPoolStore } from './ui/stores/pool-store.ts'
import { createThemeStore } from './ui/stores/theme-store.ts'
import { createVisibilityStore } from './ui/stores/visibility-store.ts'
import './ui/styles/index.css'

const storage = readStorage(() => window.localStorage)
// Who signed in is known after the wallet, and goes with what the wallet pays for. A session of before a reload is asked about sooner.
let known: AccessStore | null = null
const fetchKnown = fetchWithAccess({ token: () => known?.token() ?? null, forget: token => known?.forget(token) })
const money = createMoneyStores(window, fetchKnown)
const inft = createInftStores(
  money.wallet,
  readStorage(() => window.sessionStorage),
)
known = inft.access
const pay = fetchWithSession(money.sessions.token, fetchKnown)
const chat = createChatStore({
  archive: createIndexedDbArchive(globalThis.indexedDB),
  settings: readSettings(storage),
  stream: (request, signal) => streamChat(request, signal, pay),
  keepSettings: settings => writeSettings(storage, settings),
  now: () => Date.now(),
  newId,
})
void chat.load()

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no element with the id root.')
createRoot(root).render(
  <App
    services={{
      tab: createTabStore(),
      pool: createBrowserPoolStore(),
      chat,
      models: createBrowserModelsStore(),
      pack: createBrowserPackStore(),
      disputes: createDisputesStore(fetchDisputes),
      attestation: createAttestationStore(() => fetch('/v1/models')),
      theme: createThemeStore(window),
      router: createRouterStore(window),
      visibility: createVisibilityStore(document, () => performance.now()),
      probeMachine,
      fetchTrace: requestId => fetchTrace(requestId, pay),
      ...money,
      ...inft,
    }}
  />,
)

/** Reading a storage throws where a browser refuses storage altogether. */
function readStorage(read: () => Storage): Storage | null {
  try {
    return read()
  } catch {
    return null
  }
}

/** `crypto.randomUUID` is missing where the page came over plain http from another machine. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), byte => byte.toString(16).padStart(2, '0')).join('')
}
