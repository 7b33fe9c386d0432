/**
 * A counter-based random number: the draw at a position is a function of (seed, position) and of nothing else, so that a replay,
 * another peer or a failover draws the same token. Philox2x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
 */

const multiplier = 0xd256d193
const weyl = 0x9e3779b9
const rounds = 10

/** High and low 32 bits of the product of two unsigned 32-bit integers. */
function multiplyWide(a: number, b: number): [high: number, low: number] {
  const aHigh = a >>> 16
  const aLow = a & 0xffff
  const bHigh = b >>> 16
  const bLow = b & 0xffff
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const middleLow = (middle & 0xffff) + aLow * bHigh
  const high = aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(middleLow / 65536)
  return [high >>> 0, Math.imul(a, b) >>> 0]
}

/** Philox2x32-10 of a 64-bit counter (two words) and a 32-bit key; two unsigned 32-bit words. */
export function philox2x32(counter: readonly [number, number], key: number): [number, number] {
  let [first, second] = counter
  let roundKey = key >>> 0
  for (let round = 0; round < rounds; round++) {
    const [high, low] = multiplyWide(multiplier, first)
    first = (high ^ roundKey ^ second) >>> 0
    second = low
    roundKey = (roundKey + weyl) >>> 0
  }
  return [first, second]
}

/** A number in [0, 1) with 53 random bits for the draw at `position`. */
export function uniformAt(seed: number, position: number): number {
  const [high, low] = philox2x32([position >>> 0, Math.floor(position / 2 ** 32) >>> 0], seed)
  return ((high >>> 5) * 67108864 + (low >>> 6)) / 9007199254740992
}
