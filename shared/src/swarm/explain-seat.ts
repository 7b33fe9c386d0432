/** Says to an operator why a seat holds what it holds, and why not more: in the planner's own terms. It decides nothing. */
import { isJudged } from '../audit/is-judged.ts'
import { type LayerRange, layerCount } from '../model/index.ts'
import { placementInput } from './place-swarm.ts'
import { bytesInWords } from './placement-words.ts'
import { capacityOf, type PlacementInput } from './plan-placement.ts'
import type { Coalition, SwarmState } from './swarm-state.ts'

const ordinals = ['', 'second ', 'third ', 'fourth ', 'fifth ', 'sixth ', 'seventh ', 'eighth ']

/** One text for each seat of `ring`, in their order: "fastest of 3 (1.2 ms a layer) for 12 layers; 13 would not fit …". */
export function explainSeats(state: SwarmState, ring: Coalition): string[] {
  const peers = ring.seats.flatMap(({ peer }) => state.peers[peer] ?? [])
  const input = placementInput(
    state,
    peers.filter(({ capability }) => capability !== null),
  )
  return ring.seats.map((seat, index) => {
    const why = explainSeat(state, ring, input, index)
    return why === '' || isSeatJudged(state, seat) ? why : `${why}; ${unjudged(state, seat.peer)}`
  })
}

/** True also of a peer of which nothing is known: there is nothing to say. */
export function isSeatJudged({ peers, config }: SwarmState, seat: { peer: string; layers: LayerRange }): boolean {
  const capability = peers[seat.peer]?.capability ?? null
  if (capability === null) return true
  const { engine: kind, activationDtype: dtype } = capability
  return isJudged({ kind, dtype }, { quantisation: config.quantisation, layers: layerCount(seat.layers) })
}

function unjudged({ peers, config }: SwarmState, peer: string): string {
  const { engine, activationDtype } = peers[peer]!.capability!
  const what = `${engine} in ${activationDtype} may lie from an auditor’s engine on ${config.quantisation} weights`
  return `its work is not judged closely, for nobody measured how far ${what} over so many layers`
}

function explainSeat(state: SwarmState, { seats }: Coalition, input: PlacementInput, index: number): string {
  const { peer, layers } = seats[index]!
  const speeds = new Map(input.peers.map(offer => [offer.peer, offer.msPerLayer]))
  const offer = input.peers.find(other => other.peer === peer)
  if (offer === undefined) return ''
  const count = layerCount(layers)
  const ms = offer.msPerLayer
  const isHidden = state.peers[peer]?.isHidden === true
  const speed = `${inWords(ms)} a layer${isHidden ? ', as its page is hidden' : ''}`
  const held = `${count} ${count === 1 ? 'layer' : 'layers'}`
  if (seats.length === 1) return `holds all ${held} (${speed}): one seat is the shortest way`
  const faster = [...speeds.values()].filter(other => other < ms).length
  const isLast = [...speeds.values()].every(other => other <= ms)
  const rank = faster > 0 && isLast ? 'slowest' : `${ordinals[faster] ?? `${faster + 1}th `}fastest`
  const isExit = index === seats.length - 1
  const capacity = capacityOf(input.model, offer, index === 0, isExit)
  return `${rank} of ${seats.length} (${speed}) for ${held}; ${whyNotMore()}`

  function whyNotMore(): string {
    if (count >= capacity) {
      return `${count + 1} would not fit in ${bytesInWords(offer!.memoryBudgetBytes)} beside a full cache`
    }
    const slowestMs = Math.max(...seats.map(seat => layerCount(seat.layers) * (speeds.get(seat.peer) ?? 0)))
    if ((count + 1) * ms > slowestMs) return `with ${count + 1} it would be what all others wait for`
    const fastest = Math.min(...speeds.values())
    return fastest < ms
      ? `others take less for a layer (${inWords(fastest)})`
      : 'the others hold what is left, so that the ring has the seats that it is to have'
  }
}

const inWords = (ms: number): string => `${ms >= 10 ? Math.round(ms) : Number(ms.toPrecision(2))} ms`
