/** Repeatable randomness for tests: print the seed, and a failure can be run again. Not for secrets. */
import type { Entropy } from '@computepool/shared/ports'

export interface SeededRandom extends Entropy {
  /** In [0, 1). */
  next(): number
  /** An integer in [0, limit). */
  int(limit: number): number
}

/** mulberry32 (Tommy Ettinger, public domain): 32 bits of state, passes gjrand; plenty for choosing test cases. */
export function createSeededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (limit: number): number => Math.floor(next() * limit)
  return {
    next,
    int,
    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let index = 0; index < length; index += 1) bytes[index] = int(256)
      return bytes
    },
  }
}
