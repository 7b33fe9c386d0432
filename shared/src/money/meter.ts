/**
 * What running work costs: price × metered milliseconds, each request rounded down to the atomic unit, the session's sum clipped to
 * its cap. It knows no clock: milliseconds come in.
 */
import { requestCostAtomic } from './amounts.ts'

/** Of one session, so that its stream's rate stays a small multiple of the price; the vault holds to it too. */
export const mostRunningRequests = 16

export interface MeterReading {
  readonly pricePerSecondAtomic: bigint
  /** The most that may be owed: the cap, or the chain's final word once the session is closed. */
  readonly limitAtomic: bigint
  /** Sum of the costs of ended requests. */
  readonly settledAtomic: bigint
  /** Of each running request, by now. */
  readonly runningMs: readonly number[]
}

/** Milliseconds as a meter counts them: whole, rounded down, never below zero. */
export const wholeMs = (ms: number): bigint => (ms > 0 ? BigInt(Math.floor(ms)) : 0n)

/** What the session owes by now; at most its limit. */
export function dueAtomic({ pricePerSecondAtomic, limitAtomic, settledAtomic, runningMs }: MeterReading): bigint {
  let due = settledAtomic
  for (const ms of runningMs) due += requestCostAtomic(pricePerSecondAtomic, wholeMs(ms))
  return due < limitAtomic ? due : limitAtomic
}

/** What one request that ends now adds to the sum: its cost, or what the limit still leaves. */
export function endCostAtomic(reading: Omit<MeterReading, 'runningMs'>, meteredMs: number): bigint {
  const cost = requestCostAtomic(reading.pricePerSecondAtomic, wholeMs(meteredMs))
  const left = reading.limitAtomic - reading.settledAtomic
  if (left <= 0n) return 0n
  return cost < left ? cost : left
}

/**
 * Milliseconds until the limit is reached at the present number of running requests, rounded up; 0 where it is; null where nothing
 * runs or nothing costs. Rounding of each request may put it off by a millisecond or two: look again then.
 */
export function msUntilLimit(reading: MeterReading): number | null {
  const left = reading.limitAtomic - dueAtomic(reading)
  if (left <= 0n) return 0
  const rate = reading.pricePerSecondAtomic * BigInt(reading.runningMs.length)
  if (rate === 0n) return null
  return Number((left * 1000n + rate - 1n) / rate)
}

/** The stream's target: atomic units a second, of `running` requests. */
export function rateAtomic(pricePerSecondAtomic: bigint, running: number): bigint {
  return pricePerSecondAtomic * BigInt(Math.min(running, mostRunningRequests))
}
