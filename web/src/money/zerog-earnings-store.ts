/**
 * What one wallet earned of what 0G's users paid, by the pool's book; read while somebody looks. Where the pool is no provider of 0G Compute it asks
 * once, and shows nothing. It knows no component and no chain.
 */
import type { ZerogEarnings } from '@computepool/shared/zerog-compute'
import { createExternalStore, type ReadableStore } from '../ui/stores/external-store.ts'

export interface ZerogEarned {
  readonly operator: string
  readonly owedNeuron: bigint
  readonly sendingNeuron: bigint
  readonly paidNeuron: bigint
  /** Sent, and nobody can see whether it arrived. */
  readonly doubtedNeuron: bigint
  /** From which on it is paid. */
  readonly payoutAtNeuron: bigint
}

/** Null: nothing is known, or there is nothing to know. */
export interface ZerogEarningsStore extends ReadableStore<ZerogEarned | null> {
  /** Reads on until the returned function is called. */
  watch(operator: string): () => void
}

export interface ZerogEarningsParts {
  /** Null where the pool is no provider. */
  fetch(operator: string): Promise<ZerogEarnings | null>
  wait(delayMs: number, signal: AbortSignal): Promise<void>
}

/** Settling is a matter of minutes. */
const readEveryMs = 30_000

export function createZerogEarningsStore({ fetch, wait }: ZerogEarningsParts): ZerogEarningsStore {
  const store = createExternalStore<ZerogEarned | null>(null)
  const watchOn = async (operator: string, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      try {
        const earnings = await fetch(operator)
        if (signal.aborted) return
        store.set(earnings && earnedOf(earnings, operator))
        if (earnings === null) return
      } catch {
        // What was read stays; the panel beside it says that nobody answers.
      }
      await wait(readEveryMs, signal)
    }
  }
  return {
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    watch(operator) {
      const controller = new AbortController()
      if (store.getSnapshot()?.operator !== operator) store.set(null)
      void watchOn(operator, controller.signal)
      return () => controller.abort()
    },
  }
}

function earnedOf({ operators, payoutAtNeuron }: ZerogEarnings, operator: string): ZerogEarned {
  const own = operators.find(({ wallet }) => wallet.toLowerCase() === operator.toLowerCase())
  return {
    operator,
    owedNeuron: BigInt(own?.owedNeuron ?? 0),
    sendingNeuron: BigInt(own?.sendingNeuron ?? 0),
    paidNeuron: BigInt(own?.paidNeuron ?? 0),
    doubtedNeuron: BigInt(own?.doubtedNeuron ?? 0),
    payoutAtNeuron: BigInt(payoutAtNeuron),
  }
}
