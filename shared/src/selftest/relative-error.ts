/** How far computed rows are from expected ones; it knows no engine. */

export interface RowComparison {
  /** Row-major [rows, hidden]. */
  readonly actual: Float32Array
  readonly expected: Float32Array
  readonly hidden: number
}

export interface RowError {
  /** Largest relative L2 error of a row: |actual - expected| / |expected|; infinite where a value is not finite. */
  readonly worst: number
  /** The row that has it. */
  readonly row: number
}

/** The worst row. Rows are compared one by one, so that one wrong position cannot hide among many right ones. */
export function relativeError({ actual, expected, hidden }: RowComparison): RowError {
  if (actual.length !== expected.length) return { worst: Number.POSITIVE_INFINITY, row: 0 }
  let worst = 0
  let worstRow = 0
  for (let row = 0; row < expected.length / hidden; row++) {
    let difference = 0
    let size = 0
    for (let i = row * hidden; i < (row + 1) * hidden; i++) {
      difference += (actual[i]! - expected[i]!) ** 2
      size += expected[i]! ** 2
    }
    const ratio = Math.sqrt(difference / Math.max(size, Number.MIN_VALUE))
    const error = Number.isNaN(ratio) ? Number.POSITIVE_INFINITY : ratio
    if (error > worst) {
      worst = error
      worstRow = row
    }
  }
  return { worst, row: worstRow }
}
