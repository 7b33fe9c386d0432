/**
 * A balance that grows between two readings of the chain: amount + rate × time. A reading lies up to a block back, so the same rate
 * keeps the line that is drawn already: jumping to each reading would make the figure stutter. Pure; wei, monotonic milliseconds.
 */
export interface TickLine {
  readonly amountWei: bigint
  readonly ratePerSecondWei: bigint
  readonly atMs: number
}

/** Two blocks of one second: what a reading may lag behind without being another truth. */
const toleratedSeconds = 2n

/** Rounded down to the wei. */
export function amountAtWei({ amountWei, ratePerSecondWei, atMs }: TickLine, nowMs: number): bigint {
  const elapsedMs = BigInt(Math.max(0, Math.floor(nowMs - atMs)))
  return amountWei + (ratePerSecondWei * elapsedMs) / 1000n
}

/** The line after a reading: the old one while the reading lies on it, else one from the reading. */
export function nextLine(before: TickLine | null, reading: TickLine): TickLine {
  if (before === null || before.ratePerSecondWei !== reading.ratePerSecondWei) return reading
  const gapWei = magnitude(amountAtWei(before, reading.atMs) - reading.amountWei)
  return gapWei <= magnitude(reading.ratePerSecondWei) * toleratedSeconds ? before : reading
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value)
