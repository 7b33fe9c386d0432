/**
 * Which terms are offered to which rings now, and which offers are over: at most one on its way for a ring, and no coalition re-split
 * for two rings at once. It sends nothing.
 */
import type { CoalitionTerms } from '@computepool/shared/coalition'
import { type PlanTerms, planTerms } from './plan-terms.ts'
import { keyOfTerms, type RingToStake } from './rings-to-stake.ts'
import type { StakeTerms } from './stake-book.ts'
import type { HeldCoalition } from './stake-picture.ts'

export interface OffersNow {
  /** New terms, and the ring that they are for. */
  readonly made: readonly { readonly ring: RingToStake; readonly terms: CoalitionTerms }[]
  /** Offers that nobody needs any more, and why. */
  readonly over: readonly { readonly offer: StakeTerms; readonly why: string }[]
  /** By the ring's key: why no terms can be made for it. */
  readonly refused: ReadonlyMap<string, { readonly code: string; readonly text: string }>
}

export interface MakeOffers extends Omit<PlanTerms, 'seats' | 'salt' | 'coalitions'> {
  readonly rings: readonly RingToStake[]
  readonly rows: readonly StakeTerms[]
  readonly coalitions: readonly HeldCoalition[]
  /** False while a ring is young, or could not agree a moment ago. */
  readonly mayOffer: (ring: RingToStake) => boolean
  readonly drawSalt: () => PlanTerms['salt']
}

export function makeOffers({ rings, rows, coalitions, mayOffer, drawSalt, ...rest }: MakeOffers): OffersNow {
  const under = rows.filter(({ state }) => state === 'offered' || state === 'signed' || state === 'proposed')
  const standing = new Set(rings.map(({ key }) => key))
  const over = under.flatMap(offer => {
    if (offer.state !== 'offered') return []
    if (!standing.has(keyOfTerms(offer.terms))) return [{ offer, why: 'The ring is another by now.' }]
    if (rest.nowSeconds > offer.terms.proposalEndsAt) return [{ offer, why: 'Not all have answered in time.' }]
    return []
  })
  const gone = new Set(over.map(({ offer }) => offer))
  const pending = under.filter(offer => !gone.has(offer))
  const isPending = new Set(pending.map(({ terms }) => keyOfTerms(terms)))
  const taken = new Set(pending.flatMap(({ coalition }) => (coalition === null ? [] : [coalition])))
  // Whoever has terms on the way waits for them: a second offer would ask for a second stake.
  const waiting = new Set(pending.flatMap(({ terms }) => terms.parties.map(({ operator }) => operator.toLowerCase())))
  const made: { ring: RingToStake; terms: CoalitionTerms }[] = []
  const refused = new Map<string, { code: string; text: string }>()
  const free = (): HeldCoalition[] => coalitions.filter(({ view }) => !taken.has(view.id))
  const plan = (ring: RingToStake) => planTerms({ ...rest, seats: ring.seats, coalitions: free(), salt: drawSalt() })

  const open = rings.filter(({ key }) => !isPending.has(key))
  // First those that stand on theirs: nobody else may re-split it.
  const others = open.filter(ring => {
    const found = plan(ring)
    if (found.kind === 'fits') taken.add(found.coalition.view.id)
    return found.kind !== 'fits'
  })
  for (const ring of others) {
    const found = plan(ring)
    if (found.kind === 'refused') refused.set(ring.key, found)
    if (found.kind !== 'offer' || !mayOffer(ring)) continue
    if (ring.seats.some(({ operator }) => waiting.has(operator))) continue
    for (const { operator } of ring.seats) waiting.add(operator)
    if (found.coalition !== null) taken.add(found.coalition.view.id)
    made.push({ ring, terms: found.terms })
  }
  return { made, over, refused }
}
