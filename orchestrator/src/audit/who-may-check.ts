/** Who may look at what a check shows: nobody of the checked seats, nobody barred, and at what users wrote not everybody. It asks nobody. */
import { defaultCheckPolicy } from '@computepool/shared/audit'
import type { Entropy } from '@computepool/shared/ports'
import type { Seat } from '@computepool/shared/wire'
import { operatorOf } from '../receipts/operator-of.ts'
import type { AuditorRoster, AuditRing } from './auditor-roster.ts'
import type { DrawnCheck } from './draw-checks.ts'
import type { OpenCheck } from './open-check.ts'

export interface WhoMayCheckOptions {
  readonly entropy: Entropy
  readonly roster: Pick<AuditorRoster, 'hasAny' | 'hasTrusted'>
  readonly rings: () => readonly AuditRing[]
  readonly isTrusted: (operator: string) => boolean
  readonly isBanned: (operator: string) => boolean
  readonly mayHoldText?: ((operator: string) => boolean) | undefined
}

export interface WhoMayCheck {
  /** Somebody is here who could compute again what this seat does. */
  isCheckable(seats: readonly Seat[], seat: Seat): boolean
  /** The ring in which both seats of the check sit now. */
  ringOf(drawn: DrawnCheck): AuditRing | null
  /** Somebody for whom the owner vouches could look at it, and was not asked. */
  hasTrusted(drawn: DrawnCheck, asked?: ReadonlySet<string>): boolean
  /** The same of a bundle about it, which needs no link to its seats. */
  hasJudge(drawn: DrawnCheck, asked: ReadonlySet<string>): boolean
  may(drawn: DrawnCheck, operator: string): boolean
  /** The same of a check that others were asked about before. */
  mayBeAsked(check: OpenCheck, operator: string): boolean
  /** It is shown what the seat received, which is what the seat before it sent. */
  shown(drawn: DrawnCheck, operator: string): void
  /** Drawn, where it is not certain: whether somebody else looks again at what this one found nothing in. */
  needsSecond(drawn: DrawnCheck, asked: ReadonlySet<string>, auditor: string): boolean
}

/** Of checks in which somebody whom the owner vouches for found nothing: so many are computed a second time. */
const secondLookShare = 1 / 16
/** The same where nobody here is vouched for, and the first may be the seat's own: as often as an attempt is checked at least. */
const strangersShare = defaultCheckPolicy.rate

const noRing: AuditRing = { epoch: 0, seats: [], standbys: [] }

export function createWhoMayCheck(options: WhoMayCheckOptions): WhoMayCheck {
  const { roster, rings, entropy, isTrusted, isBanned, mayHoldText = () => false } = options
  const besideOf = ({ accused, sentFrom }: DrawnCheck): ReadonlySet<string> =>
    new Set([operatorOf(accused), operatorOf(sentFrom)])

  const ringOf = ({ accused, sentFrom }: DrawnCheck): AuditRing | null =>
    rings().find(({ seats }) => [accused, sentFrom].every(peer => seats.some(seat => seat.peer === peer))) ?? null

  const hasTrustedIn = (ring: AuditRing, drawn: DrawnCheck, asked: ReadonlySet<string>): boolean => {
    const beside = besideOf(drawn)
    const isBarred = (other: string): boolean => beside.has(other) || asked.has(other) || isBanned(other)
    return roster.hasTrusted({ ring, layers: drawn.layers, isBarred })
  }
  const hasTrusted = (drawn: DrawnCheck, asked: ReadonlySet<string> = new Set()): boolean => {
    const ring = ringOf(drawn)
    return ring !== null && hasTrustedIn(ring, drawn, asked)
  }

  /** By attempt and seat: wallets. */
  const shown = new WeakMap<DrawnCheck['attempt'], Map<number, Set<string>>>()
  /** Whoever was shown what the seat behind received could sketch that, and compute nothing. */
  const haveOutput = ({ attempt, seat }: DrawnCheck): ReadonlySet<string> =>
    shown.get(attempt)?.get(seat + 1) ?? new Set()

  const may = (drawn: DrawnCheck, operator: string): boolean =>
    !besideOf(drawn).has(operator) && !isBanned(operator) && maySee(drawn, operator)

  /** The ends' checks show what a user wrote, or was answered. */
  const maySee = (drawn: DrawnCheck, operator: string): boolean => {
    const { seats, isTrusted: asksForTrust = false } = drawn.attempt.sent
    const isEntry = drawn.seat === 0
    if (isTrusted(operator) || !(isEntry || drawn.seat === seats.length - 1)) return true
    if (asksForTrust) return mayHoldText(operator)
    return !(isEntry && hasTrusted(drawn))
  }

  return {
    isCheckable: (seats, { seat, peer, layers }) => {
      const beside = new Set([operatorOf(peer), operatorOf((seats[seat + 1] ?? seats[seat]!).peer)])
      const ring = rings().find(ring => ring.seats.some(seat => seat.peer === peer))
      const isBarred = (operator: string): boolean => beside.has(operator) || isBanned(operator)
      return ring !== undefined && roster.hasAny({ ring, layers, isBarred })
    },
    ringOf,
    hasTrusted,
    hasJudge: (drawn, asked) => hasTrustedIn(rings()[0] ?? noRing, drawn, asked),
    needsSecond: (drawn, asked, auditor) => {
      // Whoever is not vouched for may be the seat's own friend: with somebody vouched for here its word alone ends nothing.
      if (!isTrusted(auditor) && hasTrusted(drawn, asked)) return true
      return entropy.bytes(1)[0]! < (isTrusted(auditor) ? secondLookShare : strangersShare) * 256
    },
    may,
    mayBeAsked: ({ drawn, asked, agreedBy, withheld, known }, operator) => {
      if (asked.has(operator) || !may(drawn, operator)) return false
      // A third look tells of two who is right: somebody vouched for must say so.
      if (agreedBy.length > 1) return isTrusted(operator)
      // A second look by another stranger would prove as little.
      if ((agreedBy.length > 0 || withheld !== null) && !isTrusted(operator) && hasTrusted(drawn, asked)) return false
      const knowing = haveOutput(drawn)
      return known === null || !knowing.has(operator) || !hasTrusted(drawn, new Set([...asked, ...knowing]))
    },
    shown: ({ attempt, seat }, operator) => {
      const bySeat = shown.get(attempt) ?? new Map<number, Set<string>>()
      shown.set(attempt, bySeat.set(seat, (bySeat.get(seat) ?? new Set()).add(operator)))
    },
  }
}
