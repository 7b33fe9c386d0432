/**
 * How far one seat's rows are from another's, row by row. Pure.
 *
 * `row-l2` is |claimed - recomputed| / |recomputed| of a row of hidden states. `logit` is of a row of logits, in nats: the least e such
 * that all logits of the one seat are within e of the other's, but for one number added to all, which no draw sees.
 */

export interface Compared {
  /** [rows, width] each. */
  readonly claimed: Float32Array
  readonly recomputed: Float32Array
  readonly width: number
}

/** `row-l2` of each row; infinite where it is no number. */
export function rowErrors({ claimed, recomputed, width }: Compared): Float64Array {
  return Float64Array.from({ length: recomputed.length / width }, (_, row) => {
    let difference = 0
    let size = 0
    for (let i = row * width; i < (row + 1) * width; i++) {
      difference += (claimed[i]! - recomputed[i]!) ** 2
      size += recomputed[i]! ** 2
    }
    const error = Math.sqrt(difference / Math.max(size, Number.MIN_VALUE))
    return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error
  })
}

/** `logit` of each row; infinite where it is no number. */
export function logitErrors({ claimed, recomputed, width }: Compared): Float64Array {
  return Float64Array.from({ length: recomputed.length / width }, (_, row) => {
    let least = Number.POSITIVE_INFINITY
    let most = Number.NEGATIVE_INFINITY
    for (let i = row * width; i < (row + 1) * width; i++) {
      const difference = claimed[i]! - recomputed[i]!
      if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY
      if (difference < least) least = difference
      if (difference > most) most = difference
    }
    return (most - least) / 2
  })
}
