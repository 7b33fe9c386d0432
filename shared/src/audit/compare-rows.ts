/** How far claimed rows are from recomputed ones. It knows no engine and no tolerance but the one it is given. */

export interface CompareRowsInput {
  /** Row-major [rows, hidden]. */
  readonly claimed: Float32Array
  readonly recomputed: Float32Array
  readonly hidden: number
  /** Largest relative L2 error of an honest row. */
  readonly tolerance: number
}

export interface RowsCompared {
  readonly rows: number
  /** Largest |claimed - recomputed| / |recomputed| of a row; infinite where a value is no number, or a row is all zeros and was claimed not to be. */
  readonly worst: number
  /** The row that has it; 0 where there is no error at all. */
  readonly worstRow: number
  /** Rows above the tolerance, and the first of them; -1 where none is. */
  readonly over: number
  readonly firstOver: number
  /** Sum of the rows' errors, for a mean over several comparisons; infinite with `worst`. */
  readonly sum: number
}

/** Row by row, so that one wrong position cannot hide among many right ones. Errors: a RangeError where the shapes differ. */
export function compareRows({ claimed, recomputed, hidden, tolerance }: CompareRowsInput): RowsCompared {
  if (claimed.length !== recomputed.length || recomputed.length % hidden !== 0)
    throw new RangeError(
      `${claimed.length} claimed values were compared with ${recomputed.length} in rows of ${hidden}`,
    )
  const rows = recomputed.length / hidden
  const found = { worst: 0, worstRow: 0, over: 0, firstOver: -1, sum: 0 }
  for (let row = 0; row < rows; row++) {
    let difference = 0
    let size = 0
    for (let i = row * hidden; i < (row + 1) * hidden; i++) {
      difference += (claimed[i]! - recomputed[i]!) ** 2
      size += recomputed[i]! ** 2
    }
    const ratio = difference === 0 ? 0 : Math.sqrt(difference / size)
    const error = Number.isNaN(ratio) ? Number.POSITIVE_INFINITY : ratio
    found.sum += error
    if (error > found.worst) {
      found.worst = error
      found.worstRow = row
    }
    if (error > tolerance) {
      if (found.over === 0) found.firstOver = row
      found.over += 1
    }
  }
  return { rows, ...found }
}
