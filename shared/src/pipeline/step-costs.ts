/**
 * What a step of the engine takes by its size: measured where one ran, between and beyond by straight lines. A size is a number of
 * positions, or of rows that share a step; this knows neither, nor what the steps were for.
 */

const samplesKept = 5
/** One more of a size costs this share of the first until two sizes were measured: a CPU's price, several times a GPU's. */
const priorShare = 0.25

interface Sample {
  readonly size: number
  readonly ms: number
}

interface Bucket {
  /** Latest last, at most `samplesKept`. */
  readonly samples: readonly Sample[]
  readonly steps: number
  /** Of all steps, the number of the latest here. */
  readonly latest: number
}

export interface StepCosts {
  /** Sizes 1, 2, to 4, to 8 …: few, so that each is measured soon. */
  readonly buckets: readonly (Bucket | undefined)[]
  readonly steps: number
}

export const noStepCosts: StepCosts = { buckets: [], steps: 0 }

/** Takes in a step of `size` (at least 1) that took `ms`. */
export function observeStep(costs: StepCosts, size: number, ms: number): StepCosts {
  const index = 32 - Math.clz32(size - 1)
  const steps = costs.steps + 1
  const before = costs.buckets[index] ?? { samples: [], steps: 0, latest: 0 }
  // The first step of a size may compile kernels: it says little of the next, but is all there is to go by.
  const earlier = before.steps === 1 ? [] : before.samples
  const samples = earlier.slice(earlier.length < samplesKept ? 0 : 1)
  samples.push({ size, ms })
  const buckets = costs.buckets.slice()
  while (buckets.length < index) buckets.push(undefined)
  buckets[index] = { samples, steps: before.steps + 1, latest: steps }
  return { buckets, steps }
}

/**
 * What a step of `size` is expected to take; null before any was measured. With `fading` below 1 an old measurement counts for that
 * much less a step, so that a size that was too dear is tried again, at a bounded loss.
 */
export function expectedMs({ buckets, steps }: StepCosts, size: number, fading = 1): number | null {
  const points: Sample[] = []
  for (const bucket of buckets) {
    if (bucket === undefined) continue
    const middle = lowerMedian(bucket.samples)
    const ms = middle.ms * fading ** (steps - bucket.latest)
    const guessed = bucket.steps === 1 ? lineAt(points, middle.size) : null
    points.push({ size: middle.size, ms: guessed === null ? ms : Math.min(ms, guessed) })
  }
  return lineAt(rising(points), size)
}

/** A smaller step takes no longer than a larger one: where it did, it met something else. */
function rising(points: readonly Sample[]): Sample[] {
  const risen = points.slice()
  for (let i = risen.length - 2; i >= 0; i--) {
    const [{ size, ms }, next] = [risen[i]!, risen[i + 1]!]
    if (ms > next.ms) risen[i] = { size, ms: next.ms }
  }
  return risen
}

/** On the line through the points on both sides of `size`, or through the last two. */
function lineAt(points: readonly Sample[], size: number): number | null {
  const [first] = points
  if (first === undefined) return null
  if (points.length === 1 || size <= first.size)
    return (first.ms * (1 + priorShare * (size - 1))) / (1 + priorShare * (first.size - 1))
  const next = Math.max(
    1,
    points.findIndex(point => point.size >= size),
  )
  const at = points.at(-1)!.size < size ? points.length - 1 : next
  const [left, right] = [points[at - 1]!, points[at]!]
  const slope = (right.ms - left.ms) / (right.size - left.size)
  return right.ms + (size > right.size ? Math.max(0, slope) : slope) * (size - right.size)
}

/** Of few: how many lie before each is soon counted, and a sort of a copy is not. */
function lowerMedian(samples: readonly Sample[]): Sample {
  const middle = (samples.length - 1) >> 1
  return samples.find((sample, i) => placeOf(samples, sample, i) === middle)!
}

/** Where a stable sort by time would put the sample at `index`. */
function placeOf(samples: readonly Sample[], { ms }: Sample, index: number): number {
  let place = 0
  for (let i = 0; i < samples.length; i++) {
    const other = samples[i]!.ms
    if (other < ms || (other === ms && i < index)) place += 1
  }
  return place
}
