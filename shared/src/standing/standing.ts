/**
 * What an operator has done lately, as four numbers that fade, and what they weigh. Time comes with each event. It knows neither stakes
 * nor seats; who is placed where by it is the swarm's business.
 */
import { z } from 'zod'

const amount = z.number().nonnegative().max(1e12)

export const standingSchema = z.strictObject({
  /** Receipted seconds. */
  served: amount,
  /** Checks and challenges that agreed. */
  checked: amount,
  /** Checks that proved a wrong output, broken receipts and lost disputes. */
  failed: amount,
  /** Seats that were left while an answer ran through them. */
  leftEarly: amount,
  /** When they were last brought up to date; wall time. */
  asOfMs: z.number().nonnegative(),
})
export type Standing = z.infer<typeof standingSchema>

export type StandingEvent =
  | { readonly type: 'served'; readonly seconds: number; readonly atMs: number }
  | { readonly type: 'checked'; readonly atMs: number }
  | { readonly type: 'failed'; readonly what: FailureKind; readonly atMs: number }
  | { readonly type: 'left-early'; readonly atMs: number }
  /** Answers failed at its seat, one after the other: nothing is held against it, but others sit there for a while. */
  | { readonly type: 'parted'; readonly minutes: number; readonly why?: string; readonly atMs: number }
  /** Of layers that it held without a seat: two others computed the same of them, and it something else. `why` ends a sentence. */
  | { readonly type: 'wrong-slice'; readonly why: string; readonly atMs: number }
  /** What it was convicted of, auditors found it innocent of. */
  | { readonly type: 'acquitted'; readonly what: FailureKind; readonly failedAtMs?: number; readonly atMs: number }
/** `lazy-audit`: an auditor that said what it had computed, and had not. No chain hears of it: there is nothing that anybody could replay. */
export type FailureKind = 'wrong-output' | 'broken-receipts' | 'withheld' | 'false-witness' | 'lazy-audit'

const dayMs = 86_400_000

/** How long until half of it has faded. What was done well and badly both fade; what was proven wrong takes longest. */
export const halfLifeMs = {
  served: 30 * dayMs,
  checked: 30 * dayMs,
  failed: 60 * dayMs,
  leftEarly: 7 * dayMs,
} as const

/** Of somebody who has done nothing yet. */
export function newStanding(atMs: number): Standing {
  return { served: 0, checked: 0, failed: 0, leftEarly: 0, asOfMs: atMs }
}

/** `standing` as it is at `atMs`. An earlier time changes nothing: clocks that step back give no trust back. */
export function fade(standing: Standing, atMs: number): Standing {
  const passedMs = Math.max(0, atMs - standing.asOfMs)
  if (passedMs === 0) return standing
  const left = (key: keyof typeof halfLifeMs) => standing[key] * 0.5 ** (passedMs / halfLifeMs[key])
  return {
    served: left('served'),
    checked: left('checked'),
    failed: left('failed'),
    leftEarly: left('leftEarly'),
    asOfMs: atMs,
  }
}

/** `standing` after `event`. */
export function applyStanding(standing: Standing, event: StandingEvent): Standing {
  const faded = fade(standing, event.atMs)
  switch (event.type) {
    case 'served':
      return { ...faded, served: faded.served + Math.max(0, event.seconds) }
    case 'checked':
      return { ...faded, checked: faded.checked + 1 }
    case 'failed':
      return { ...faded, failed: faded.failed + failureCost[event.what] }
    case 'wrong-slice':
      return { ...faded, failed: faded.failed + wrongSliceCost }
    case 'left-early':
      return { ...faded, leftEarly: faded.leftEarly + 1 }
    case 'parted':
      return faded
    case 'acquitted':
      return { ...faded, failed: Math.max(0, faded.failed - leftOf(event)) }
  }
}

/** What a failure counts for: whole where it was computed again and is wrong, less where something was only not shown. */
const failureCost: Readonly<Record<FailureKind, number>> = {
  'wrong-output': 1,
  'false-witness': 1,
  'lazy-audit': 1,
  'broken-receipts': 0.6,
  withheld: 0.6,
}

/** Nobody was served by it, and a broken graphics driver can do the same: it bars for 16 days. */
const wrongSliceCost = 0.6

/** What is left at `atMs` of the failure that is taken back. */
function leftOf({ what, atMs, failedAtMs = atMs }: Extract<StandingEvent, { type: 'acquitted' }>): number {
  return failureCost[what] * 0.5 ** (Math.max(0, atMs - failedAtMs) / halfLifeMs.failed)
}

/** Failures of which more than this is left bar from work: after one wrong output for 60 days, after one that was withheld for 16. */
const barredAbove = 0.5

/** True while it gets no work at all. */
export function isBarred({ failed }: Standing): boolean {
  return failed > barredAbove
}

/** How long until that fades, in milliseconds; 0 where it is not barred. */
export function barredForMs({ failed }: Standing): number {
  return failed > barredAbove ? halfLifeMs.failed * Math.log2(failed / barredAbove) : 0
}

/** Weight of a new identity: a tenth of the best. */
export const newcomerWeight = 0.1
/** Checks that agreed, after which half of the trust is earned. */
export const checksForHalf = 20
/** Seats left early that halve the weight. */
const leavesForHalf = 4
/** Of whoever may be placed at all. */
const leastWeight = 0.001

/** In [0, 1): share of the trust that was earned, by checks alone. Who merely served was not looked at. */
export function trustOf({ checked }: Standing): number {
  return checked / (checked + checksForHalf)
}

/**
 * In [0, 1]: what the operator's measured capacity counts for. 0 while a failure bars it, then growing again as it fades; 0 for nothing
 * else. It multiplies a capacity and is never counted by heads, so that a machine that shows itself as many gains nothing.
 */
export function weightOf(standing: Standing): number {
  if (isBarred(standing)) return 0
  const earned = newcomerWeight + (1 - newcomerWeight) * trustOf(standing)
  const honesty = (1 - standing.failed) ** 2
  // However often it left: whoever is never 0 by that can still serve where nobody else does.
  return Math.max(leastWeight, earned * honesty * 0.5 ** (standing.leftEarly / leavesForHalf))
}

/**
 * The rate at which an operator's attempts are checked: every one of a new identity's, falling to `leastRate` with trust, and every one
 * again while a failure has not faded. Since it falls with what one identity has earned, splitting up skips fewer checks, not more.
 */
export function checkRateOf(standing: Standing, leastRate: number): number {
  if (standing.failed > failureFaded) return 1
  return leastRate + (1 - leastRate) * (1 - trustOf(standing))
}

/** Of one failure, what is left after about four half-lives. */
const failureFaded = 0.06

/** True where seats that see text may go to it, for a user who asks for that: staked, half of the trust earned, and no failure that counts. */
export function mayHoldText(standing: Standing, isStaked: boolean): boolean {
  return isStaked && trustOf(standing) >= 0.5 && standing.failed <= failureFaded
}
