/**
 * Which connection of the other side a connection of this side talks to, told by the numbers that signals carry. Where both keep their
 * link over assignments nothing changes; where one has lost its own, its first word replaces the other's. It knows no connections, only their numbers.
 */
import type { LinkSignal } from '@computepool/shared/wire'

export interface Pairing {
  /** Of this side: counts up with each connection that is made. */
  readonly own: number
  /** The earliest of this side that signals for this one may name: a later offer names the one that this replaced when it came. */
  readonly since: number
  /** Of the other side; null before its first word. */
  theirs: number | null
  /** A description of theirs was applied here: another of theirs cannot be any more. */
  isUsed: boolean
}

/** `replace`: the other side has a new connection, and this side's leads nowhere. */
export type SignalVerdict = 'take' | 'drop' | 'replace'

export function judgeSignal(pairing: Pairing, signal: LinkSignal): SignalVerdict {
  const { own, since, theirs, isUsed } = pairing
  const { link, toLink, type } = signal
  if (toLink !== null && (toLink < since || toLink > own)) return 'drop'
  if (theirs === link) return 'take'
  // Every connection begins with a description, or with the wish for one.
  if (type === 'candidate') return 'drop'
  if (theirs === null) return 'take'
  if (link < theirs) return 'drop'
  // It knows this very connection, which has talked to no other yet.
  return toLink === own && !isUsed ? 'take' : 'replace'
}

/** True where an earlier assignment's signal is about this very connection, which outlived it. */
export function isOfKeptLink({ own, theirs }: Pairing, { link, toLink }: LinkSignal): boolean {
  return theirs === link && toLink === own
}
