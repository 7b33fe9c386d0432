/**
 * Who stands by for which seat of which ring, and the acts that make it so. Whoever stands by for a seat goes on: a slice that was
 * loaded is not left for a better choice. It reads the state and writes nothing.
 */
import { isRingDraining } from './coalition-links.ts'
import { isSameRange, livingCoalitions } from './coalitions.ts'
import { kvBudgetOf } from './form-act.ts'
import { freePeers, remembered } from './place-swarm.ts'
import { pickSeats } from './stand-by.ts'
import type { SwarmAct } from './swarm-events.ts'
import { planLinks } from './swarm-links.ts'
import type { Coalition, Standby, SwarmPeer, SwarmState } from './swarm-state.ts'
import { byStanding } from './weights.ts'

type RenewStandbys = Extract<SwarmAct, { type: 'renew-standbys' }>
type Wanted = Pick<Standby, 'peer' | 'seat' | 'layers'>

/** Peers of one coalition that the hub lets signal each other. */
const mostMembers = 72
/** Of a crowd that waits, those of the best standing, and of these those that came first. */
const mostConsidered = 128

/** An act for each ring whose standbys are not those that it should have. */
export function planStandbys(state: SwarmState): RenewStandbys[] {
  const living = livingCoalitions(state)
  if (living.length === 0) return []
  const free = byStanding(state, freePeers(state)).slice(0, mostConsidered)
  const others = living.flatMap(coalition => [
    coalition.epoch,
    coalition.status,
    coalition.standbys,
    coalition.successor,
    coalition.relays.length,
    isRingDraining(state, coalition),
  ])
  // A crowd that fits no seat is not weighed again at every word.
  const question = { name: 'standbys', peers: free, others: [...others, state.vanished] }
  const wanted = remembered(state, question, () => wantedStandbys(state, free), true)
  return living.flatMap(coalition => {
    const standbys = wanted.get(coalition.epoch) ?? []
    return isAsWanted(coalition, standbys) ? [] : [renewAct(state, coalition, standbys)]
  })
}

const isAsWanted = ({ standbys }: Coalition, wanted: readonly Wanted[]): boolean =>
  standbys.length === wanted.length && standbys.every((standby, index) => isSame(standby, wanted[index]!))

const isSame = (a: Wanted, b: Wanted): boolean =>
  a.peer === b.peer && a.seat === b.seat && isSameRange(a.layers, b.layers)

/** By epoch. Those that are stay where they can; newcomers go where there are fewest. */
function wantedStandbys(state: SwarmState, free: readonly SwarmPeer[]): Map<number, Wanted[]> {
  const living = livingCoalitions(state)
  const wanted = new Map<number, Wanted[]>(living.map(({ epoch }) => [epoch, []]))
  const left = new Map(free.map(peer => [peer.peer, peer]))
  const take = (coalition: Coalition, standby: Wanted): void => {
    if (left.delete(standby.peer)) wanted.get(coalition.epoch)!.push(standby)
  }
  for (const coalition of living) for (const standby of newSeats(coalition)) take(coalition, standby)
  for (const coalition of living) {
    for (const standby of coalition.standbys) if (standby.seat !== null) take(coalition, standby)
  }
  const open = living.filter(coalition => coalition.status === 'ready' && !isFormedAnew(state, coalition))
  if (open.length === 0 || left.size === 0) return wanted
  const { pick } = pickSeats(state)
  for (const peer of left.values()) {
    const byCount = open
      .filter(coalition => wanted.get(coalition.epoch)!.length < mostStandbys(state, coalition))
      .sort((a, b) => wanted.get(a.epoch)!.length - wanted.get(b.epoch)!.length)
    for (const coalition of byCount) {
      const seat = pick(coalition, peer, wanted.get(coalition.epoch)!)
      if (seat === null) continue
      wanted.get(coalition.epoch)!.push({ peer: peer.peer, seat, layers: coalition.seats[seat]!.layers })
      break
    }
  }
  return wanted
}

/** The seats of the ring's successor whose peers hold none of its own. */
function newSeats({ seats, successor }: Coalition): Wanted[] {
  return (successor ?? [])
    .filter(({ peer }) => !seats.some(seat => seat.peer === peer))
    .map(({ peer, layers }) => ({ peer, seat: null, layers }))
}

/** Its seats are about to change: nobody new learns the old ones. */
const isFormedAnew = (state: SwarmState, coalition: Coalition): boolean =>
  coalition.successor !== null && isRingDraining(state, coalition)

const mostStandbys = (state: SwarmState, { seats, relays }: Coalition): number =>
  Math.min(state.config.maxStandbys, mostMembers - seats.length - relays.length)

function renewAct(state: SwarmState, coalition: Coalition, wanted: readonly Wanted[]): RenewStandbys {
  const { id, epoch, seats, relays } = coalition
  // Straight ways only: a relay's work is told once for a coalition.
  const { pathsBetween } = planLinks(state, [])
  const standbys = wanted.map((want): Standby => {
    const known = coalition.standbys.find(standby => isSame(standby, want))
    if (known !== undefined) return known
    const routes = seats.map(({ peer }) => ({ peer, paths: pathsBetween(want.peer, peer) }))
    return { ...want, routes: routes.filter(({ paths }) => paths.length > 0) }
  })
  const joined = standbys.filter(standby => !coalition.standbys.includes(standby))
  return {
    type: 'renew-standbys',
    id,
    epoch,
    standbys,
    joined,
    kvBudgetBytes: joined.map(({ peer, layers }) => kvBudgetOf(state, peer, layers)),
    maxContext: state.config.maxContext,
    members: [...seats, ...standbys].map(({ peer }) => peer).concat(relays.map(({ relay }) => relay)),
    seats,
    routes: seats.map(({ peer }, index) => {
      const ways = standbys
        .map(standby => ({ peer: standby.peer, paths: pathsBetween(peer, standby.peer) }))
        .filter(({ paths }) => paths.length > 0)
      return [...coalition.routes[index]!, ...ways]
    }),
  }
}
