/** Which of several open ways to one peer to send over: the preferred one, unless another is clearly faster. A rule, no state of its own. */

export interface PathChoice<P> {
  readonly path: P
  /** Null before the first measurement. */
  readonly rttMs: number | null
}

/** A path is taken instead of the preferred one below this share of its round trip. */
const betterShare = 0.7
/** And left again above this one. The gap keeps two like paths from taking turns. */
const keptShare = 0.85
/** Below that, the difference is the hosts', not the ways': a pong waits behind an engine's step, on one link more often than on another. */
const leastGainMs = 5
/** And of the way in use, which may only have been the first to open. */
const keptGainMs = 2.5

/**
 * `open`: in the order of preference. A path that was never measured is taken only where there is no other, or where it is in use.
 */
export function choosePath<P>(open: readonly PathChoice<P>[], current: P | null): P | null {
  const measured = open.filter(({ rttMs }) => rttMs !== null)
  const preferred = measured[0]
  const inUse = open.find(({ path }) => path === current)
  if (!preferred || preferred.rttMs === null) return (inUse ?? open[0])?.path ?? null
  const preferredMs = preferred.rttMs
  const isFaster = ({ path, rttMs }: PathChoice<P>): boolean => {
    const [share, gainMs] = path === current ? [keptShare, keptGainMs] : [betterShare, leastGainMs]
    return rttMs !== null && rttMs < share * preferredMs && preferredMs - rttMs >= gainMs
  }
  const faster = measured.filter(isFaster)
  if (inUse && faster.includes(inUse)) {
    // Among those that are faster the one in use stays, unless it is beaten as clearly itself.
    const beating = faster.filter(
      ({ rttMs }) => rttMs! < betterShare * inUse.rttMs! && inUse.rttMs! - rttMs! >= leastGainMs,
    )
    return fastest(beating) ?? inUse.path
  }
  return fastest(faster) ?? preferred.path
}

function fastest<P>(choices: readonly PathChoice<P>[]): P | null {
  const [first, ...others] = choices
  if (!first) return null
  return others.reduce((best, choice) => (choice.rttMs! < best.rttMs! ? choice : best), first).path
}
