export { apply } from './apply.ts'
export { isTimeAwaited } from './awaits-time.ts'
export { isLinkOpen, isRetiring, isRingDraining, neededLinks } from './coalition-links.ts'
export { livingCoalitions } from './coalitions.ts'
export { missingLayersInWords } from './missing-layers.ts'
export { peerInWords } from './peer-words.ts'
export { canPlace, placeSwarm } from './place-swarm.ts'
export { bytesInWords } from './placement-words.ts'
export { plan } from './plan.ts'
export {
  capacityOf,
  lapMs,
  type PlacedSeat,
  type Placement,
  type PlacementInput,
  type PlacementModel,
  type PlacementPeer,
  planPlacement,
} from './plan-placement.ts'
export { planPaths, type ReachablePeer } from './plan-routes.ts'
export { expectedLapMs } from './plan-successor.ts'
export {
  type PoolSnapshot,
  poolRelaySchema,
  poolRingSchema,
  poolSeatSchema,
  poolSnapshotSchema,
} from './pool-snapshot.ts'
export { contextOf, type PoolView, poolStatus, shownCoalition, viewPool } from './pool-view.ts'
export { isSeatAwaited } from './returning.ts'
export type { SwarmAct, SwarmEvent } from './swarm-events.ts'
export {
  type Coalition,
  type CoalitionRelay,
  emptySwarm,
  type Standby,
  type SwarmConfig,
  type SwarmPeer,
  type SwarmState,
} from './swarm-state.ts'
