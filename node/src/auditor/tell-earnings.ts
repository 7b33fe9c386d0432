/**
 * Tells what an auditor's wallets have earned, as often as it changes: the pool's word for units and what the chain paid. It signs nothing, and a pool in
 * which work is free has nothing to tell.
 */
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import { earningsSchema, weiToAtomicFloor } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'

export interface AuditorEarned {
  readonly type: 'auditor-earned'
  readonly address: string
  /** Whole atomic units of USDC that the pool has paid it so far, as a decimal string. */
  readonly receivedAtomic: string
  /** Now, of the pool's. */
  readonly units: number
  readonly totalUnits: number
}

export interface TellEarningsOptions {
  /** Of the pool. */
  readonly origin: string
  readonly addresses: readonly string[]
  readonly clock: Clock
  readonly fetch?: typeof globalThis.fetch
  readonly onEarned: (earned: AuditorEarned, words: string) => void
  readonly onFault: (fault: ComputePoolError) => void
}

const everyMs = 60_000
const deadlineMs = 30_000

/** Looks at once, and every minute from then on; returns what ends it. */
export function tellEarnings(options: TellEarningsOptions): () => void {
  const { origin, addresses, clock, fetch = globalThis.fetch, onEarned, onFault } = options
  const stopping = new AbortController()
  /** By address. */
  const told = new Map<string, string>()
  let cancel = (): void => {}

  const look = async (address: string): Promise<void> => {
    const path = `/api/operators/${address}/earnings`
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(deadlineMs)])
    const response = await fetch(new URL(path, origin), { signal })
    if (response.status === 404) return void (await response.body?.cancel())
    if (!response.ok) throw unheard(path, response.status)
    const { receivedWei, units, totalUnits } = earningsSchema.parse(await response.json())
    const receivedAtomic = weiToAtomicFloor(receivedWei).toString()
    const figures = `${receivedAtomic} ${units}`
    if (figures === (told.get(address) ?? '0 0') || stopping.signal.aborted) return
    told.set(address, figures)
    const earned = { type: 'auditor-earned', address, receivedAtomic, units, totalUnits } as const
    const now = units === 0 ? 'no units now' : `${units} of the pool’s ${totalUnits} units now`
    onEarned(earned, `${address} has earned ${inUsdc(receivedAtomic)} USDC by checks; ${now}.`)
  }

  const lookAll = async (): Promise<void> => {
    try {
      for (const address of addresses) await look(address)
    } catch (thrown) {
      if (!stopping.signal.aborted) onFault(asComputePoolError(thrown))
    }
    if (!stopping.signal.aborted) cancel = clock.schedule(everyMs, () => void lookAll())
  }

  void lookAll()
  return () => {
    stopping.abort(new Error('The auditor left.'))
    cancel()
  }
}

const inUsdc = (atomic: string): string => {
  const digits = atomic.padStart(7, '0')
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`
}

const unheard = (path: string, what: number): ComputePoolError =>
  new ComputePoolError('peer_unreachable', `The pool answered ${path} with ${what}.`, {
    remedy: 'It is asked again in a minute.',
  })
