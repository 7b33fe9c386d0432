/** The money stores of a page over fakes: the API, a key that signs for real, a chain of plain numbers, a clock that a test turns. */
import { isAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type ActivityStore, createActivityStore } from '../../money/activity-store.ts'
import type { FetchLike } from '../../money/api-door.ts'
import type { ChainEarnings, OperatorWrites } from '../../money/chain-port.ts'
import type { MoneyStores } from '../../money/create-money-stores.ts'
import { createEarningsStore } from '../../money/earnings-store.ts'
import { createSessionStore } from '../../money/session-store.ts'
import { createSessionVault } from '../../money/session-vault.ts'
import { createTermsStore, paidTermsOf } from '../../money/terms-store.ts'
import { createZerogEarningsStore } from '../../money/zerog-earnings-store.ts'
import type { InjectedWallets } from '../../wallet/injected-port.ts'
import type { ActingWallet, ContractCall, TypedData } from '../../wallet/payer-wallet.ts'
import { createWalletStore } from '../../wallet/wallet-store.ts'
import { createFakeMoneyClient, type FakeMoneyClient } from './fake-money-client.ts'

/** A key that everybody knows. */
export const payerAccount = privateKeyToAccount(`0x${'11'.repeat(32)}`)

export interface FakeMoney {
  readonly client: FakeMoneyClient
  readonly stores: MoneyStores
  /** What was signed. */
  readonly signed: TypedData[]
  /** What the wallet does when asked; by default it signs. */
  onSign: (data: TypedData) => Promise<`0x${string}`>
  /** What the wallet does with a text to sign; by default it signs. */
  onMessage: (text: string) => Promise<`0x${string}`>
  /** What the wallet does with a transaction; by default it hands it to nobody and tells a hash. */
  onSend: (call: ContractCall) => Promise<`0x${string}`>
  /** Runs before a transaction is sent; a throw is the chain's refusal. */
  onWrite: () => void
  /** Runs before the faucet gives; a throw is its refusal. */
  onFaucet: () => void
  readonly storage: Map<string, string>
  chain: ChainEarnings
  readonly writes: string[]
  setNow(ms: number): void
}

export const idleEarnings: ChainEarnings = {
  balanceWei: 0n,
  claimableWei: 0n,
  isConnected: true,
  flowWei: 0n,
  receivedWei: 0n,
  memberFlowWei: 0n,
  units: 10n,
  totalUnits: 20n,
  funds: { usdcAtomic: 10_000_000n, nativeWei: 10n ** 18n },
}

const noWallets: InjectedWallets = {
  found: () => [],
  current: () => null,
  subscribe: () => () => {},
  reconnect: async () => {},
  connect: async () => {},
  disconnect: async () => {},
  switchChain: async () => {},
  signTypedData: async () => '0x',
  signMessage: async () => '0x',
  send: async () => '0x',
}

export interface FakeMoneyGiven {
  readonly injected?: InjectedWallets
  readonly activityFetch?: FetchLike
  /** What a reload of the tab left behind. */
  readonly storage?: Map<string, string>
}

export function createFakeMoney(given: FakeMoneyGiven = {}): FakeMoney {
  const client = createFakeMoneyClient()
  const kept = given.storage ?? new Map<string, string>()
  const tabStorage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  }
  let now = 0
  const nowMs = () => now
  const payer: ActingWallet = {
    address: payerAccount.address,
    signTypedData(data) {
      fake.signed.push(data)
      return fake.onSign(data)
    },
    signMessage: text => fake.onMessage(text),
    send: call => fake.onSend(call),
  }
  const operatorWrites: OperatorWrites = {
    address: payerAccount.address,
    isAddress: (text): text is `0x${string}` => isAddress(text),
    connectPool: async () => write('connect'),
    claim: async () => write('claim'),
    unwrapTo: async (to, amountWei) => write(`unwrap ${to} ${amountWei}`),
  }
  async function write(words: string): Promise<`0x${string}`> {
    fake.onWrite()
    fake.writes.push(words)
    return `0x${String(fake.writes.length).repeat(64)}` as `0x${string}`
  }
  // Retries wait for ever: a test that wants one breaks the stream and lets the next view come.
  const wait = (_delayMs: number, signal: AbortSignal) =>
    new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
  const askFaucet = async (address: string) => {
    fake.onFaucet()
    await client.askFaucet(address)
  }
  const terms = createTermsStore(() => client.terms())
  const wallet = createWalletStore({
    openBurner: async () => payer,
    openInjected: async () => given.injected ?? noWallets,
    readFunds: async () => fake.chain.funds,
    askFaucet,
  })
  const sessions = createSessionStore({
    client,
    vault: createSessionVault(tabStorage),
    terms: () => paidTermsOf(terms.getSnapshot()),
    refreshTerms: terms.refresh,
    wallet: wallet.payer,
    origin: 'http://localhost:3000',
    onMoved: () => void wallet.refreshFunds(),
    nowMs,
    wallSeconds: () => 1_700_000_000,
    randomBytes: length => new Uint8Array(length).fill(7),
    wait: async (delayMs, signal) => (delayMs <= 1_000 ? undefined : wait(delayMs, signal)),
  })
  const earnings = createEarningsStore({
    openReads: async () => ({ funds: async () => fake.chain.funds, earnings: async () => fake.chain }),
    openWrites: async () => operatorWrites,
    fetchHistory: operator => client.earnings(operator),
    askFaucet,
    exportKey: async () => null,
    importKey: async () => {},
    nowMs,
    wait,
  })
  const zerogEarnings = createZerogEarningsStore({ fetch: operator => client.zerogEarnings(operator), wait })
  const refuse: FetchLike = async () => new Response('{}', { status: 401 })
  const activity: ActivityStore = createActivityStore({ fetch: given.activityFetch ?? refuse, storage: tabStorage })
  const fake: FakeMoney = {
    client,
    stores: { terms, wallet, sessions, earnings, zerogEarnings, activity, nowMs },
    signed: [],
    onSign: data => payerAccount.signTypedData(data as unknown as Parameters<typeof payerAccount.signTypedData>[0]),
    onMessage: message => payerAccount.signMessage({ message }),
    onSend: async () => `0x${'e'.repeat(64)}`,
    onWrite() {},
    onFaucet() {},
    storage: kept,
    chain: idleEarnings,
    writes: [],
    setNow(ms) {
      now = ms
    },
  }
  return fake
}
