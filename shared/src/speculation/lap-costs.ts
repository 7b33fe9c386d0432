/**
 * What a lap takes, and what drafts of each length add to it: measured where a length was tried, extrapolated where not. Waiting for
 * other requests is kept apart from the rest. It knows milliseconds, not what they bought.
 */

/** Drafts come in few lengths, so that a GPU compiles few shapes and each length is measured soon. */
export const draftLengths = [0, 2, 4, 8, 16] as const

const samplesKept = 5
/** A lap later an old measurement counts for this much: what once was slow is tried again, and for a small price (see `extraMs`). */
const fading = 0.995
/** A length that rested for more laps than this is not in use: its next lap is a try. */
const retryAge = 20
/** A further row costs this share of a lap's computing until one was measured: a CPU's price, several times a GPU's. */
const priorRowShare = 0.25

interface Measured {
  /** Latest last, at most `samplesKept`. For length 0 the whole lap, for the others what they added to it. */
  readonly samplesMs: readonly number[]
  readonly laps: number
  /** Laps of any length since the latest sample. */
  readonly age: number
}

export interface LapCosts {
  /** In the order of `draftLengths`. */
  readonly measured: readonly Measured[]
  /** Of a lap without drafts, all seats together; smoothed. */
  readonly computeMs: number
  /** Waiting for other requests, all seats together; smoothed. */
  readonly queueMs: number
}

export interface MeasuredLap {
  readonly length: number
  readonly lapMs: number
  readonly computeMs: number
  readonly queueMs: number
}

export const noLapCosts: LapCosts = {
  measured: draftLengths.map(() => ({ samplesMs: [], laps: 0, age: 0 })),
  computeMs: 0,
  queueMs: 0,
}

/** Takes in a lap whose draft had one of `draftLengths`; other lengths teach nothing. */
export function observeLap(costs: LapCosts, lap: MeasuredLap): LapCosts {
  const index = (draftLengths as readonly number[]).indexOf(lap.length)
  if (index < 0) return costs
  const plain = plainLapMs(costs)
  const netMs = Math.max(0, lap.lapMs - lap.queueMs)
  const sampleMs = index === 0 ? netMs : Math.max(0, netMs - (plain ?? netMs))
  const { samplesMs: earlier, age } = costs.measured[index]!
  const isRetry = age > retryAge
  const isCheaper = index > 0 && earlier.length > 0 && sampleMs < 0.7 * lowerMedian(earlier)
  const measured = costs.measured.map((before, i): Measured => {
    // Where a short draft turned out cheap, longer ones are unknown again; where it is still dear, they need no try of their own.
    if (i > index && isCheaper) return { ...before, samplesMs: [] }
    if (i > index && index > 0 && isRetry) return { ...before, age: 0 }
    if (i !== index) return { ...before, age: before.age + 1 }
    // The first lap of a length may compile kernels: it says nothing of the next. The first plain lap is all there is to go by.
    const isWarmUp = before.laps === 0 && index > 0
    const isOutdated = isCheaper || (index === 0 && before.laps === 1)
    const kept = isOutdated ? [] : before.samplesMs
    const samplesMs = isWarmUp ? kept : [...kept, sampleMs].slice(-samplesKept)
    return { samplesMs, laps: before.laps + 1, age: 0 }
  })
  const share = costs.measured[0]!.laps === 0 ? 1 : 1 / 8
  return {
    measured,
    computeMs: index === 0 ? costs.computeMs + (lap.computeMs - costs.computeMs) * share : costs.computeMs,
    queueMs: costs.queueMs + (lap.queueMs - costs.queueMs) * share,
  }
}

/** A lap without drafts and without waiting; null before the first. */
export function plainLapMs(costs: LapCosts): number | null {
  const { samplesMs } = costs.measured[0]!
  return samplesMs.length === 0 ? null : lowerMedian(samplesMs)
}

/**
 * What drafts of `draftLengths[index]` add to a lap. A measurement fades by half a percent a lap, so a length that did not pay is
 * tried again when its faded cost would pay: the loss of such tries is at most that half percent of the true cost a lap.
 */
export function extraMs(costs: LapCosts, index: number): number {
  if (index === 0) return 0
  const { samplesMs, age } = costs.measured[index]!
  if (samplesMs.length > 0) return lowerMedian(samplesMs) * fading ** age
  const length = draftLengths[index]!
  for (let shorter = index - 1; shorter > 0; shorter--)
    if (costs.measured[shorter]!.samplesMs.length > 0)
      return (extraMs(costs, shorter) * length) / draftLengths[shorter]!
  return costs.computeMs * priorRowShare * length
}

/** Whether drafts of this length may be tried: each length only after one half as long, so that a surprise stays small. */
export function isWithinReach(costs: LapCosts, index: number): boolean {
  return index <= 1 || costs.measured[index - 1]!.laps > 0 || costs.measured.slice(index).some(({ laps }) => laps > 0)
}

/** One value of few that neither one stall nor one lucky lap moves. */
function lowerMedian(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1]!
}
