/**
 * Where a swarm's state would put the model, with those that have no seat. Searched anew only when something changed that the search
 * reads: every desk message makes another state, and strangers may send many.
 */
import { isJudged } from '../audit/is-judged.ts'
import { seatedPeers } from './coalitions.ts'
import { explainUnlinked } from './explain-unlinked.ts'
import { fillHoles } from './fill-holes.ts'
import { fillGap, keepHoldings } from './keep-holdings.ts'
import { expectedLayerMs, workFactor } from './learn-speed.ts'
import { asPlaced, countHeld, hasFailedLink, type Placed } from './placed-ring.ts'
import { type Placement, type PlacementInput, planPlacement } from './plan-placement.ts'
import { isPlaceable, openRelays, planLinks } from './swarm-links.ts'
import type { Coalition, SwarmConfig, SwarmPeer, SwarmState } from './swarm-state.ts'
import { mayHoldTextHere, quarrelsOf, weightOfPeer } from './weights.ts'

interface Searched {
  readonly facts: readonly unknown[]
  readonly measures: SwarmState['measures']
  readonly answer: unknown
}

/**
 * Steps of a search beside rings that serve, where everybody who joins has one made: exact for four seats of eight candidates. What it
 * misses, swaps of single seats mend when that ring is planned anew.
 */
export const stepsBeside = 2100
/** A lap so much longer is taken where slices need not be loaded anew. */
const keptIsWorth = 1.5
/** Questions that are asked of one swarm: where the model goes now, and for each ring what would replace it. */
const mostAnswers = 24
// The last answers of each swarm: a swarm keeps its config for life.
const searched = new WeakMap<SwarmConfig, Map<string, Searched>>()

/**
 * `search`, or its last answer to the same `question` where nothing has changed that it reads: `peers` and what is known of them, relays,
 * failed links, `others`, and unless `ignoresMeasures` what links measured. Objects that only change as a whole stand for themselves.
 */
export function remembered<T>(
  state: SwarmState,
  question: { readonly name: string; readonly peers: readonly SwarmPeer[]; readonly others?: readonly unknown[] },
  search: () => T,
  ignoresMeasures = false,
): T {
  const { name, peers, others = [] } = question
  const answers = searched.get(state.config) ?? new Map<string, Searched>()
  searched.set(state.config, answers)
  const facts = [...others, ...factsOf(state, peers)]
  const known = answers.get(name)
  const isMeasured = ignoresMeasures || known?.measures === state.measures
  if (known !== undefined && isMeasured && isSame(known.facts, facts)) return known.answer as T
  const answer = search()
  answers.delete(name)
  answers.set(name, { facts, measures: state.measures, answer })
  for (const old of [...answers.keys()].slice(0, -mostAnswers)) answers.delete(old)
  return answer
}

function factsOf(state: SwarmState, peers: readonly SwarmPeer[]): unknown[] {
  const facts: unknown[] = [state.failedPaths, state.quarrels]
  const add = ({ peer, reach }: SwarmPeer): number => facts.push(peer, reach.webrtc, reach.axl)
  const factor = factorOf(state)
  for (const peer of peers) {
    const { engine, activationDtype, memoryBudgetBytes, headMs } = peer.capability!
    add(peer)
    facts.push(weightOfPeer(state, peer.peer), mayHoldTextHere(state, peer.peer))
    facts.push(
      engine,
      activationDtype,
      memoryBudgetBytes,
      expectedLayerMs(peer, factor),
      headMs,
      peer.held?.start,
      peer.held?.end,
    )
  }
  for (const relay of openRelays(state)) add(relay)
  return facts
}

const isSame = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((fact, index) => fact === b[index])

/** Operators that may be given a slice and have none that a coalition needs; those of `ring`, which will be given up, among them. */
export function freePeers(state: SwarmState, ring: Coalition | null = null): SwarmPeer[] {
  const seated = seatedPeers(state)
  for (const seat of ring?.seats ?? []) seated.delete(seat.peer)
  return Object.values(state.peers).filter(peer => !seated.has(peer.peer) && isPlaceable(state, peer))
}

/** Where the model would go now: the seats that a ring was drained for, else those of a lost ring with their holes filled, else as the peers hold it already, else afresh. */
export function placeSwarm(state: SwarmState): Placement {
  const peers = freePeers(state)
  const question = { name: 'now', peers, others: [state.previous, state.wanted] }
  // Beside rings that serve nothing hurries: what their links measure every few seconds is no reason to search.
  return remembered(state, question, () => search(state, peers), state.coalitions.length > 0)
}

/** Whether the model has a place when `ring` is given up. What links measure moves seats but does not decide that. */
export function canPlace(state: SwarmState, ring: Coalition): boolean {
  const peers = freePeers(state, ring)
  const question = { name: `after ${ring.id}`, peers, others: [state.previous] }
  return remembered(state, question, () => planPlacement(placementInput(state, peers)), true).kind === 'placed'
}

function search(state: SwarmState, peers: readonly SwarmPeer[]): Placement {
  const asked = placementInput(state, peers)
  const input = state.coalitions.length > 0 ? { ...asked, mostSteps: stepsBeside } : asked
  const wanted = state.wanted === null ? null : asPlaced(input, state.wanted)
  if (wanted !== null && !hasFailedLink(state, wanted.seats)) return wanted
  const kept = keepSeats(state, input)
  if (kept !== null && !hasFailedLink(state, kept.seats)) return kept
  const planned = planPlacement(input)
  if (kept !== null && (planned.kind !== 'placed' || kept.costMs <= planned.costMs)) return kept
  // Only where nobody remembers the ring: what is loaded is worth a longer lap, until the ring is planned anew.
  const gap = planned.kind === 'placed' && state.previous.length === 0 ? fillGap(state, input) : null
  if (gap !== null && gap.costMs <= (planned as Placed).costMs * keptIsWorth) return gap
  const isUnlinked = planned.kind === 'impossible' && planned.reason === 'links'
  return isUnlinked ? { ...planned, explanation: explainUnlinked(state) } : planned
}

/** What is loaded already goes before what was; of lost rings the latest comes first. */
function keepSeats(state: SwarmState, input: PlacementInput): Placed | null {
  const filled = state.previous.toReversed().flatMap(seats => fillHoles(state, input, seats) ?? [])
  const held = filled.find(({ seats }) => countHeld(state, seats) === seats.length)
  return held ?? keepHoldings(state, input) ?? filled[0] ?? null
}

const factorOf = (state: SwarmState): number => workFactor(Object.values(state.peers))

/** Of whoever weighs `weight` where somebody weighs `best`. A seat may be barred since it was placed: then it counts for next to nothing. */
const penaltyBeside = (best: number, weight: number): number =>
  best > weight ? best / Math.max(weight, best / 1000) : 1

/** Of whoever’s work nobody could judge closely, where somebody is here whose could be. It is the peer’s own word what it computes on. */
const unjudgedPenalty = 2

/** A layer is asked for: how many it will hold is not known yet. */
function isJudgedHere({ config }: SwarmState, { capability }: SwarmPeer): boolean {
  const { engine: kind, activationDtype: dtype } = capability!
  return isJudged({ kind, dtype }, { quantisation: config.quantisation, layers: 1 })
}

/** What the search is asked, for these peers. */
export function placementInput(state: SwarmState, candidates: readonly SwarmPeer[]): PlacementInput {
  const { config } = state
  const factor = factorOf(state)
  // Beside the best that is here: a pool of newcomers is placed as if nobody were weighed.
  const best = Math.max(0, ...candidates.map(({ peer }) => weightOfPeer(state, peer)))
  const isAnyJudged = candidates.some(known => isJudgedHere(state, known))
  const unjudged = (known: SwarmPeer): number => (isAnyJudged && !isJudgedHere(state, known) ? unjudgedPenalty : 1)
  const peers = candidates.map(known => ({
    peer: known.peer,
    memoryBudgetBytes: known.capability!.memoryBudgetBytes,
    msPerLayer: expectedLayerMs(known, factor),
    headMs: known.capability!.headMs,
    penalty: penaltyBeside(best, weightOfPeer(state, known.peer)) * unjudged(known),
    mayHoldText: mayHoldTextHere(state, known.peer),
  }))
  const { minSeats, maxSeats, hopMs, lapTolerance, placement } = config
  const { hopMs: linkMs } = planLinks(state)
  return { model: placement, peers, linkMs, areAtOdds: quarrelsOf(state), minSeats, maxSeats, hopMs, lapTolerance }
}
