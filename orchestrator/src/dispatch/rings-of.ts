/** What requests see of the swarm: the rings that take them, and whether another is to be expected. Read from its state; it writes nothing. */
import {
  canPlace,
  expectedLapMs,
  isRingDraining,
  isSeatAwaited,
  livingCoalitions,
  mayHoldText,
  missingLayersInWords,
  type SwarmState,
  viewPool,
} from '@computepool/shared/swarm'
import type { Ring } from './ring.ts'

/** The ready coalitions, but those that take no new requests. */
export function ringsOf(state: SwarmState, kvBytesPerPosition: number): Ring[] {
  return livingCoalitions(state)
    .filter(coalition => coalition.status === 'ready' && !isRingDraining(state, coalition))
    .map(coalition => {
      const seats = coalition.seats.map(seat => {
        const peer = state.peers[seat.peer]!
        return { ...seat, engine: peer.capability!.engine, kvBudgetBytes: peer.kvBudgetBytes! }
      })
      const said = seats.flatMap(({ peer }) => state.peers[peer]?.maxContext ?? [])
      return {
        id: coalition.id,
        epoch: coalition.epoch,
        maxContext: Math.min(state.config.maxContext, ...said),
        kvBytesPerPosition,
        expectedLapMs: expectedLapMs(state, coalition) ?? coalition.lapMs,
        isTrusted: mayHoldText(state, coalition),
        seats,
      }
    })
}

/** Where no ring is left: one forms, others can take its place, or a seat that vanished may come back in time. */
export function canFollow(state: SwarmState): boolean {
  const isNext = livingCoalitions(state).some(
    coalition => coalition.status !== 'ready' || (isRingDraining(state, coalition) && canPlace(state, coalition)),
  )
  return isNext || isSeatAwaited(state)
}

/** What is missing, and what happens next. Where all layers are held only links are: the explanation says so. */
export function whyNoRing(state: SwarmState): string {
  const view = viewPool(state)
  return `${missingLayersInWords(view)} ${view.explanation}`.trim()
}
