/** Puts what arrives out of order back into order by its number; holds little, and says when that is not enough. */

/** Frames that may wait for an earlier one: sixteen chunks in flight of 256 positions, cut to rows of 16 on their way. */
export const reorderLimit = 256

export interface ReorderBuffer<T> {
  /** The number that is due. */
  readonly next: number
  readonly held: ReadonlyMap<number, T>
}

export function emptyReorderBuffer<T>(): ReorderBuffer<T> {
  return { next: 0, held: new Map() }
}

export interface Reordered<T> {
  readonly buffer: ReorderBuffer<T>
  /** What is due now, in order. */
  readonly due: readonly T[]
  /** False where the item lies too far ahead, and was not kept. */
  readonly fits: boolean
}

/** Takes `item` number `seq`; a number that was seen is dropped. */
export function reorder<T>(buffer: ReorderBuffer<T>, seq: number, item: T): Reordered<T> {
  if (seq < buffer.next || buffer.held.has(seq)) return { buffer, due: [], fits: true }
  if (seq >= buffer.next + reorderLimit) return { buffer, due: [], fits: false }
  const held = new Map(buffer.held)
  held.set(seq, item)
  const due: T[] = []
  let next = buffer.next
  for (let waiting = held.get(next); waiting !== undefined; waiting = held.get(next)) {
    due.push(waiting)
    held.delete(next)
    next += 1
  }
  return { buffer: { next, held }, due, fits: true }
}
