/** What is told of many errors: quantiles, and how far their tail would reach. Pure. */

export interface Distribution {
  readonly samples: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  /** The error that one row in a thousand million would exceed, by a Pareto tail fitted to the largest hundredth (Hill 1975). */
  readonly fittedTail: number
}

/** Of the largest hundredth. */
const tailShare = 0.01
/** Rows that may exceed `fittedTail`. */
export const tailProbability = 1e-9
/** Fewer rows in the tail make no fit; the largest error stands for it. */
const fewestInTail = 50

/** The value below which a share `q` of `sorted` (rising) lies, by the nearest rank. */
export function quantileOf(sorted: ArrayLike<number>, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))]!
}

/** Of at least one error, none of them negative. Three digits of each figure, rounded up, so that nothing measured exceeds what is told. */
export function distributionOf(errors: readonly Float64Array[]): Distribution {
  const sorted = new Float64Array(errors.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of errors) {
    sorted.set(piece, at)
    at += piece.length
  }
  sorted.sort()
  return {
    samples: sorted.length,
    p50: roundUp(quantileOf(sorted, 0.5)),
    p99: roundUp(quantileOf(sorted, 0.99)),
    p999: roundUp(quantileOf(sorted, 0.999)),
    max: roundUp(sorted.at(-1)!),
    fittedTail: roundUp(paretoTail(sorted)),
  }
}

/** Hill's estimate: above the threshold u, P(error > x) = share * (x / u) ** (-1 / shape). */
function paretoTail(sorted: Float64Array): number {
  const count = Math.floor(sorted.length * tailShare)
  const largest = sorted.at(-1)!
  const from = sorted[sorted.length - count - 1]
  if (count < fewestInTail || from === undefined || from <= 0) return largest
  let shape = 0
  for (let i = sorted.length - count; i < sorted.length; i++) shape += Math.log(sorted[i]! / from) / count
  return from * (count / sorted.length / tailProbability) ** shape
}

/** `value` with `digits` digits, never less than itself. */
export function roundUp(value: number, digits = 3): number {
  if (value === 0 || !Number.isFinite(value)) return value
  const rounded = Number(value.toPrecision(digits))
  if (rounded >= value) return rounded
  const unit = 10 ** (Math.floor(Math.log10(value)) - digits + 1)
  return Number((rounded + unit).toPrecision(digits))
}
