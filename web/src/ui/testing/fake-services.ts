/** Everything a page needs, faked: a tab and a pool that do as they are told, a chat over a scripted stream. */
import { attestationHeader } from '@computepool/shared/attestation'
import type { DisputeView } from '@computepool/shared/money'
import { conversationSchema } from '../chat/conversation.ts'
import type { ConversationArchive } from '../chat/conversation-archive.ts'
import { parseRecords } from '../chat/conversation-archive.ts'
import type { FetchTrace } from '../chat/fetch-trace.ts'
import type { Machine } from '../operate/machine.ts'
import { createRouterStore } from '../router/router-store.ts'
import type { Services } from '../shell/services.ts'
import { createAttestationStore } from '../stores/attestation-store.ts'
import { createChatStore } from '../stores/chat-store.ts'
import { createDisputesStore } from '../stores/disputes-store.ts'
import { createExternalStore } from '../stores/external-store.ts'
import { createModelsStore } from '../stores/models-store.ts'
import { createPackStore } from '../stores/pack-store.ts'
import type { PoolView } from '../stores/pool-store.ts'
import { createThemeStore } from '../stores/theme-store.ts'
import { createVisibilityStore } from '../stores/visibility-store.ts'
import { type FakeInft, noInft } from './fake-inft.ts'
import { createFakeMoney, type FakeMoney } from './fake-money.ts'
import { createFakeTabStore, type FakeTabStore } from './fake-tab-store.ts'
import { createScriptedStream, type ScriptedStream } from './scripted-stream.ts'

export const capableMachine: Machine = {
  isSecure: true,
  isIsolated: true,
  hasWasm: true,
  hasWebRtc: true,
  webgpu: { status: 'present', name: 'Test Card', isSoftware: false, hasF16: true, maxBufferBytes: 2 ** 30 },
  deviceMemoryBytes: 8e9,
  threads: 8,
  storageFreeBytes: 10e9,
}

export interface FakeServices extends Services {
  readonly tab: FakeTabStore
  readonly stream: ScriptedStream
  readonly money: FakeMoney
  setPool(view: Partial<PoolView>): void
}

export interface FakeServicesGiven {
  readonly machine?: Machine
  readonly tab?: FakeTabStore
  /** Free work, unless a test says otherwise. */
  readonly money?: FakeMoney
  readonly fetchTrace?: FetchTrace
  /** No token, unless a test says otherwise. */
  readonly inft?: FakeInft
  /** How the orchestrator labels its answers; null: it does not. */
  readonly attestation?: string | null
  /** What the pool tells when its disputes are asked for; a throw is its refusal. None, unless a test says otherwise. */
  readonly disputes?: () => readonly DisputeView[]
}

export function createFakeServices(given: FakeServicesGiven = {}): FakeServices {
  const pool = createExternalStore<PoolView>({ connection: 'live', pool: null, problem: null })
  const stream = createScriptedStream()
  const money = given.money ?? freeMoney()
  const nextId = countIds()
  return {
    tab: given.tab ?? createFakeTabStore(),
    stream,
    money,
    ...money.stores,
    ...(given.inft ?? noInft()).stores(money.stores.wallet),
    setPool: view => pool.set({ ...pool.getSnapshot(), ...view }),
    pool: { getSnapshot: pool.getSnapshot, subscribe: pool.subscribe, close() {} },
    chat: createChatStore({
      archive: createMemoryArchive(),
      stream: stream.open,
      keepSettings() {},
      now: countIds(Number),
      newId: nextId,
    }),
    models: createModelsStore(async () => ({ data: [{ id: 'computepool-demo' }] })),
    pack: createPackStore(async model => ({ model, parts: [{ name: 'layer-0', sizeBytes: 1e6 }] })),
    disputes: createDisputesStore(async () => given.disputes?.() ?? []),
    attestation: createAttestationStore(async () => labelled(given.attestation ?? null)),
    theme: createThemeStore(window),
    router: createRouterStore(window),
    visibility: createVisibilityStore(document, () => 0),
    probeMachine: async () => given.machine ?? capableMachine,
    fetchTrace: given.fetchTrace ?? (async () => ({ kind: 'refused', words: 'No trace here.' })),
  }
}

const labelled = (label: string | null) =>
  new Response(null, label === null ? {} : { headers: { [attestationHeader]: label } })

function freeMoney(): FakeMoney {
  const money = createFakeMoney()
  money.client.terms_ = { mode: 'free' }
  return money
}

/** Keeps what could be read back: a record that its own schema refuses fails the test that wrote it. */
export function createMemoryArchive(
  start: readonly unknown[] = [],
): ConversationArchive & { readonly records: Map<string, unknown> } {
  const records = new Map<string, unknown>(parseRecords(start).map(record => [record.id, record]))
  return {
    records,
    load: async () => ({ conversations: parseRecords([...records.values()]), isLasting: true }),
    save: async conversation => {
      records.set(conversation.id, conversationSchema.parse(conversation))
    },
    remove: async id => {
      records.delete(id)
    },
  }
}

/** Ids, or times, that only ever grow. */
export function countIds(): () => string
export function countIds<T>(shape: (text: string) => T): () => T
export function countIds<T>(shape?: (text: string) => T): () => T | string {
  let count = 0
  return () => {
    count += 1
    const text = String(count)
    return shape === undefined ? `id-${text}` : shape(text)
  }
}
