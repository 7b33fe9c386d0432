/**
 * Which terms a ring needs: none where its coalition fits, a re-split of the running coalition with most members in common, or a new
 * proposal. Pure: it asks nobody and draws nothing.
 */
import { type AssignedSeat, type CoalitionTerms, type Hex, termsOfAssignment } from '@computepool/shared/coalition'
import { keyOfTerms } from './rings-to-stake.ts'
import { type HeldCoalition, membersOf } from './stake-picture.ts'

export interface TermsFrame {
  readonly modelDigest: Hex
  readonly layers: number
  readonly pool: Hex
  readonly vault: Hex
  readonly stakeAtomic: bigint
}

export interface PlanTerms {
  readonly frame: TermsFrame
  readonly pricePerSecondAtomic: bigint
  readonly seats: readonly AssignedSeat[]
  /** Not those that other rings stand on. */
  readonly coalitions: readonly HeldCoalition[]
  readonly guilty: ReadonlySet<string>
  /** Unix seconds of the chain. */
  readonly nowSeconds: bigint
  readonly proposalSeconds: bigint
  readonly termSeconds: bigint
  readonly salt: Hex
}

export type PlannedTerms =
  | { readonly kind: 'fits'; readonly coalition: HeldCoalition }
  | { readonly kind: 'offer'; readonly terms: CoalitionTerms; readonly coalition: HeldCoalition | null }
  | { readonly kind: 'refused'; readonly code: string; readonly text: string }

/** A coalition is renewed when less than this part of its term is left. */
const renewPart = 4n

export function planTerms(plan: PlanTerms): PlannedTerms {
  const { frame, seats, coalitions, guilty, nowSeconds, termSeconds } = plan
  const culprit = seats.find(({ operator }) => guilty.has(operator))
  if (culprit !== undefined) {
    const text = `${culprit.operator} was found guilty of a breach and is offered no terms any more.`
    return { kind: 'refused', code: 'party-guilty', text }
  }
  const made = termsOfAssignment({
    ...frame,
    seats,
    pricePerSecondAtomic: plan.pricePerSecondAtomic,
    proposalEndsAt: nowSeconds + plan.proposalSeconds,
    endsAt: nowSeconds + termSeconds,
    salt: plan.salt,
  })
  if (made.kind === 'refused') return { kind: 'refused', code: made.fault.code, text: made.fault.text }
  const { terms } = made
  // Of another stake or model it binds nobody to what is asked now, and no re-split can change that.
  const running = coalitions.filter(held => isRunning(held, nowSeconds) && isSameFrame(held.terms!, terms))
  const fitting = running.find(held => isFitting(held, terms))
  if (fitting !== undefined && fitting.view.endsAt - nowSeconds > termSeconds / renewPart) {
    return { kind: 'fits', coalition: fitting }
  }
  const best = fitting ?? mostInCommon(running, terms)
  if (best === null) return { kind: 'offer', terms, coalition: null }
  const { id, version } = best.view
  return { kind: 'offer', terms: { ...terms, id, version: version + 1 }, coalition: best }
}

const isRunning = ({ view, terms }: HeldCoalition, nowSeconds: bigint): boolean =>
  view.state === 'active' && view.endsAt > nowSeconds && terms !== null

/** Who, and which layers; units are a matter of speed and follow it from order to order. */
function isFitting(held: HeldCoalition, terms: Pick<CoalitionTerms, 'parties'>): boolean {
  const members = new Set(membersOf(held).map(({ operator }) => operator))
  return keyOfTerms(held.view) === keyOfTerms(terms) && held.view.parties.every(one => members.has(one.operator))
}

/** The contract's own rule: somebody stays, and of the members at least half. */
function mostInCommon(running: readonly HeldCoalition[], terms: CoalitionTerms): HeldCoalition | null {
  const parties = new Set(terms.parties.map(({ operator }) => operator.toLowerCase()))
  let best: HeldCoalition | null = null
  let most = 0
  for (const held of running) {
    const members = membersOf(held).filter(({ isGuilty }) => !isGuilty)
    const staying = members.filter(({ operator }) => parties.has(operator)).length
    if (staying <= most || 2 * staying < members.length) continue
    best = held
    most = staying
  }
  return best
}

const isSameFrame = (a: TermsFrame, b: TermsFrame): boolean =>
  a.modelDigest === b.modelDigest &&
  a.layers === b.layers &&
  a.pool === b.pool &&
  a.vault === b.vault &&
  a.stakeAtomic === b.stakeAtomic
