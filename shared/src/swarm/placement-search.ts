/**
 * The arithmetic of placement: how many layers each seat of a given ring gets, and what a lap of that ring takes. Times are whole
 * microseconds, so that two machines that sum in another order agree. It knows no peers' states and no words.
 */
import type { LayerRange } from '../model/index.ts'

/** A seat's worth in the units of the search. */
export interface RingSeat {
  /** Most layers that its memory holds at this place in the ring. */
  readonly capacity: number
  readonly layerMicros: number
}

/** Layers per seat, minimising sum(layers x time): one each, then the fastest seats first. Null where they do not fit. */
export function fillFastest(seats: readonly RingSeat[], layers: number): number[] | null {
  const counts = seats.map(() => 1)
  let left = layers - seats.length
  if (left < 0 || seats.some(seat => seat.capacity < 1)) return null
  const bySpeed = seats.map((_, index) => index).sort((a, b) => seats[a]!.layerMicros - seats[b]!.layerMicros || a - b)
  for (const index of bySpeed) {
    const more = Math.min(left, seats[index]!.capacity - 1)
    counts[index]! += more
    left -= more
  }
  return left === 0 ? counts : null
}

/** Compute time of one lap in microseconds. */
export function computeMicros(seats: readonly RingSeat[], counts: readonly number[]): number {
  return seats.reduce((sum, seat, index) => sum + seat.layerMicros * counts[index]!, 0)
}

/** The slowest seat's time: what bounds the tokens per second of several requests together. */
export function bottleneckMicros(seats: readonly RingSeat[], counts: readonly number[]): number {
  return seats.reduce((most, seat, index) => Math.max(most, seat.layerMicros * counts[index]!), 0)
}

/**
 * The evenest split whose compute time stays within `limitMicros`: the smallest bottleneck, found by bisection over the values
 * it can take. Null where not even the fastest split meets the limit, or none with a bottleneck of at most `mostMicros`.
 */
export function fillEvenly(
  seats: readonly RingSeat[],
  layers: number,
  limitMicros: number,
  mostMicros = Number.POSITIVE_INFINITY,
): number[] | null {
  const bounded = (most: number): number[] | null => {
    const capped = seats.map(seat => ({
      layerMicros: seat.layerMicros,
      capacity: Math.min(seat.capacity, Math.floor(most / seat.layerMicros)),
    }))
    const counts = fillFastest(capped, layers)
    return counts !== null && computeMicros(seats, counts) <= limitMicros ? counts : null
  }
  // Of thousands of rings few can better the best so far: those that cannot are not bisected.
  if (Number.isFinite(mostMicros) && bounded(mostMicros) === null) return null
  const values = [
    ...new Set(seats.flatMap(seat => Array.from({ length: layers }, (_, n) => (n + 1) * seat.layerMicros))),
  ]
  values.sort((a, b) => a - b)
  let low = 0
  let high = values.length - 1
  let best: number[] | null = null
  while (low <= high) {
    const middle = (low + high) >> 1
    const counts = bounded(values[middle]!)
    if (counts === null) low = middle + 1
    else {
      best = counts
      high = middle - 1
    }
  }
  return best
}

/** Half-open ranges that tile the model, from layers per seat. */
export function rangesOf(counts: readonly number[]): LayerRange[] {
  let start = 0
  return counts.map(count => {
    const range = { start, end: start + count }
    start = range.end
    return range
  })
}

/** Every ordered choice of `size` of `items` in which each may follow the one before, in lexicographic order of their places. */
export function* orderedChoices<T>(
  items: readonly T[],
  size: number,
  mayFollow: (item: T, next: T) => boolean = () => true,
): Generator<readonly T[]> {
  const chosen: T[] = []
  const used = items.map(() => false)
  function* extend(): Generator<readonly T[]> {
    if (chosen.length === size) {
      yield chosen
      return
    }
    for (let index = 0; index < items.length; index++) {
      if (used[index] || (chosen.length > 0 && !mayFollow(chosen[chosen.length - 1]!, items[index]!))) continue
      used[index] = true
      chosen.push(items[index]!)
      yield* extend()
      chosen.pop()
      used[index] = false
    }
  }
  yield* extend()
}

/** Most steps that `orderedChoices` can take for so many items. */
export function stepsOf(items: number, size: number): number {
  let [steps, level] = [0, 1]
  for (let depth = 0; depth < size; depth++) {
    level *= items - depth
    steps += level
  }
  return steps
}
