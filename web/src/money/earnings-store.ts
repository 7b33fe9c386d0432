/**
 * What this tab's key has earned: read from the chain every few seconds while somebody looks, with the orchestrator's history beside it.
 * Withdrawing and connecting are commands. It knows no component.
 */
import { asComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { Earnings, PaidTerms } from '@computepool/shared/money'
import { createExternalStore, type ReadableStore } from '../ui/stores/external-store.ts'
import type { ChainEarnings, ChainReads, OperatorWrites } from './chain-port.ts'
import { nextLine, type TickLine } from './earnings-tick.ts'
import { parseReceiver, type WithdrawalResult, type WithdrawalStep, withdraw } from './withdrawal.ts'

export interface EarningsView {
  readonly operator: `0x${string}` | null
  readonly chain: ChainEarnings | null
  /** USDCx held, and waiting in the pool. */
  readonly balance: TickLine | null
  /** Ever received. */
  readonly received: TickLine | null
  /** What the orchestrator recorded; null until it answered. */
  readonly history: Earnings | null
  readonly busy: 'none' | 'connecting' | WithdrawalStep
  readonly result: WithdrawalResult | null
  /** Of the last reading. */
  readonly readError: ErrorData | null
  /** Of the last command. */
  readonly error: ErrorData | null
}

export interface EarningsStore extends ReadableStore<EarningsView> {
  /** Reads on until the returned function is called. */
  watch(terms: PaidTerms): () => void
  connectPool(): Promise<void>
  withdraw(to: string, amountAtomic: bigint | null): Promise<void>
  /** What is wrong with an address to withdraw to; null where nothing is. It asks nobody. */
  problemOfReceiver(to: string): ErrorData | null
  /** The stored key, for its owner to keep; null where none is stored. */
  exportKey(): Promise<string | null>
  importKey(text: string): Promise<void>
}

export interface EarningsStoreParts {
  openReads(terms: PaidTerms): Promise<ChainReads>
  openWrites(terms: PaidTerms): Promise<OperatorWrites>
  fetchHistory(operator: string): Promise<Earnings>
  askFaucet(address: string): Promise<void>
  exportKey(): Promise<string | null>
  importKey(text: string): Promise<void>
  /** Monotonic. */
  nowMs(): number
  wait(delayMs: number, signal: AbortSignal): Promise<void>
}

const readEveryMs = 3_000
/** The history is one reading in so many. */
const historyEvery = 4

const empty: EarningsView = {
  operator: null,
  chain: null,
  balance: null,
  received: null,
  history: null,
  busy: 'none',
  result: null,
  readError: null,
  error: null,
}

export function createEarningsStore(parts: EarningsStoreParts): EarningsStore {
  const store = createExternalStore<EarningsView>(empty)
  const view = store.getSnapshot
  const patch = (change: Partial<EarningsView>) => store.set({ ...view(), ...change })
  let opened: { readonly terms: PaidTerms; readonly reads: ChainReads; readonly writes: OperatorWrites } | null = null

  async function open(terms: PaidTerms): Promise<NonNullable<typeof opened>> {
    if (opened?.terms.vault === terms.vault) return opened
    const [reads, writes] = await Promise.all([parts.openReads(terms), parts.openWrites(terms)])
    opened = { terms, reads, writes }
    const operator = writes.address.toLowerCase() as `0x${string}`
    if (view().operator !== operator) patch({ ...empty, operator })
    return opened
  }

  async function read(terms: PaidTerms, withHistory: boolean): Promise<void> {
    try {
      const { reads, writes } = await open(terms)
      const { address } = writes
      const chain = await reads.earnings(address)
      if (opened?.writes !== writes) return
      const atMs = parts.nowMs()
      const held = { amountWei: chain.balanceWei + chain.claimableWei, ratePerSecondWei: chain.flowWei, atMs }
      const got = { amountWei: chain.receivedWei, ratePerSecondWei: chain.memberFlowWei, atMs }
      const balance = nextLine(view().balance, held)
      patch({ chain, balance, received: nextLine(view().received, got), readError: null })
      if (withHistory) patch({ history: await parts.fetchHistory(address) })
    } catch (thrown) {
      patch({ readError: asComputePoolError(thrown, 'chain_unreachable').toJSON() })
    }
  }

  async function watchOn(terms: PaidTerms, signal: AbortSignal): Promise<void> {
    for (let count = 0; !signal.aborted; count++) {
      await read(terms, count % historyEvery === 0)
      if (!signal.aborted) await parts.wait(readEveryMs, signal)
    }
  }

  /** One command at a time, so that a second click cannot send a second transaction. */
  async function command(busy: EarningsView['busy'], task: (own: NonNullable<typeof opened>) => Promise<void>) {
    const own = opened
    if (own === null || view().busy !== 'none') return
    patch({ busy, error: null, result: null })
    try {
      await task(own)
    } catch (thrown) {
      patch({ error: asComputePoolError(thrown, 'chain_unreachable').toJSON() })
    } finally {
      patch({ busy: 'none' })
    }
    await read(own.terms, true)
  }

  return {
    getSnapshot: view,
    subscribe: store.subscribe,
    watch(terms) {
      const controller = new AbortController()
      void watchOn(terms, controller.signal)
      return () => controller.abort()
    },
    connectPool: () =>
      command('connecting', async ({ terms, reads, writes }) => {
        const { funds } = await reads.earnings(writes.address)
        if (funds.nativeWei === 0n && terms.hasFaucet) await parts.askFaucet(writes.address)
        await writes.connectPool()
      }),
    withdraw: (to, amountAtomic) =>
      command('unwrap', async ({ terms, reads, writes }) => {
        const askFaucet = terms.hasFaucet ? parts.askFaucet : null
        const onStep = (step: WithdrawalStep) => patch({ busy: step })
        patch({ result: await withdraw({ to, amountAtomic, reads, writes, askFaucet, onStep }) })
      }),
    problemOfReceiver(to) {
      // Before the first reading nothing can be withdrawn: the command checks the address itself.
      if (opened === null) return null
      try {
        parseReceiver(to, opened.writes)
        return null
      } catch (thrown) {
        return asComputePoolError(thrown).toJSON()
      }
    },
    exportKey: parts.exportKey,
    async importKey(text) {
      try {
        await parts.importKey(text)
      } catch (thrown) {
        return patch({ error: asComputePoolError(thrown).toJSON() })
      }
      const terms = opened?.terms
      opened = null
      patch(empty)
      if (terms !== undefined) await read(terms, true)
    },
  }
}
