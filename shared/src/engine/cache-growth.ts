/** How static caches grow: by doubling, each head's rows moved to where the larger cache keeps them. */

/** Positions of the smallest static cache. */
export const smallestCapacity = 256

/** `smallest`, doubled until it holds `positions`. */
export function doubledCapacity(positions: number, smallest = smallestCapacity): number {
  let capacity = smallest
  while (capacity < positions) capacity *= 2
  return capacity
}

/** The least of `smallest`, 1.5, 2, 3, 4, 6 … times it that holds `positions`: for whoever computes with the room that is not used too. */
export function steppedCapacity(positions: number, smallest = smallestCapacity): number {
  const doubled = doubledCapacity(positions, smallest)
  return doubled > smallest && positions <= 0.75 * doubled ? 0.75 * doubled : doubled
}

export interface HeadCopy {
  /** [heads, source capacity, rowLength] */
  readonly source: Float32Array | Uint16Array
  /** [heads, target capacity, rowLength] */
  readonly target: Float32Array | Uint16Array
  readonly heads: number
  readonly rowLength: number
  /** First rows of each head to copy. */
  readonly rows: number
}

export function copyHeads({ source, target, heads, rowLength, rows }: HeadCopy): void {
  const sourceStride = source.length / heads
  const targetStride = target.length / heads
  for (let head = 0; head < heads; head++)
    target.set(source.subarray(head * sourceStride, head * sourceStride + rows * rowLength), head * targetStride)
}
