/**
 * The money stores of a real page. Keys, wallets and the chain are loaded when somebody first needs them: a page that earns and pays
 * nothing loads none of them.
 */
import { hostClock, hostEntropy } from '../host.ts'
import { createWalletStore, type WalletStore } from '../wallet/wallet-store.ts'
import { type ActivityStore, createActivityStore, takeTokenFromAddress } from './activity-store.ts'
import { createEarningsStore, type EarningsStore } from './earnings-store.ts'
import { createMoneyClient } from './money-client.ts'
import { createSessionStore, type SessionStore } from './session-store.ts'
import { createSessionVault } from './session-vault.ts'
import { createTermsStore, paidTermsOf, type TermsStore } from './terms-store.ts'
import { createZerogEarningsStore, type ZerogEarningsStore } from './zerog-earnings-store.ts'

export interface MoneyStores {
  readonly terms: TermsStore
  readonly wallet: WalletStore
  readonly sessions: SessionStore
  readonly earnings: EarningsStore
  readonly zerogEarnings: ZerogEarningsStore
  readonly activity: ActivityStore
  readonly nowMs: () => number
}

const termsRetryMs = 3_000

/** One a page. `window` gives the address and the storage of the tab; `fetchImpl` may say who asks. */
export function createMoneyStores(window: Window, fetchImpl: typeof fetch = fetch): MoneyStores {
  const client = createMoneyClient((path, init) => fetchImpl(path, init))
  const tabStorage = storageOf(() => window.sessionStorage)
  const nowMs = () => hostClock.monotonicMs()
  const loadChain = () => import('./viem-chain.ts')
  const loadKey = () => import('../wallet/burner-key.ts')
  const terms = createTermsStore(client.terms, task => setTimeout(task, termsRetryMs))
  const wallet = createWalletStore({
    openBurner: async paid => (await import('../wallet/burner-wallet.ts')).openBurnerWallet(paid),
    openInjected: async paid =>
      (await import('../wallet/injected-wallets.ts')).openInjectedWallets(
        paid,
        storageOf(() => window.localStorage),
      ),
    readFunds: async (paid, address) => (await loadChain()).openChainReads(paid).funds(address),
    askFaucet: client.askFaucet,
  })
  const sessions = createSessionStore({
    client,
    vault: createSessionVault(tabStorage),
    terms: () => paidTermsOf(terms.getSnapshot()),
    refreshTerms: terms.refresh,
    wallet: wallet.payer,
    origin: window.location.origin,
    onMoved: () => void wallet.refreshFunds(),
    nowMs,
    wallSeconds: () => hostClock.wallMs() / 1000,
    randomBytes: length => hostEntropy.bytes(length),
    wait,
  })
  const earnings = createEarningsStore({
    openReads: async paid => (await loadChain()).openChainReads(paid),
    async openWrites(paid) {
      const [{ openOperatorWrites }, { openBurnerKey }] = await Promise.all([loadChain(), loadKey()])
      return openOperatorWrites(paid, (await openBurnerKey(hostEntropy, globalThis.indexedDB)).account)
    },
    fetchHistory: client.earnings,
    askFaucet: client.askFaucet,
    exportKey: async () => (await loadKey()).exportBurnerKey(globalThis.indexedDB),
    async importKey(text) {
      await (await loadKey()).importBurnerKey(globalThis.indexedDB, text)
    },
    nowMs,
    wait,
  })
  const zerogEarnings = createZerogEarningsStore({ fetch: client.zerogEarnings, wait })
  const activity = createActivityStore({ fetch: (path, init) => fetch(path, init), storage: tabStorage })
  const token = takeTokenFromAddress(window)
  if (token !== null) activity.signIn(token)
  sessions.resume()
  return { terms, wallet, sessions, earnings, zerogEarnings, activity, nowMs }
}

/** Reading a storage throws where a browser refuses it altogether. */
function storageOf(read: () => Storage): Storage | null {
  try {
    return read()
  } catch {
    return null
  }
}

/** Ends early when `signal` aborts; it never rejects. */
function wait(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, delayMs)
    signal.addEventListener('abort', end)
  })
}
