export { apply, peerInWords } from './apply.ts'
export { missingLayersInWords } from './missing-layers.ts'
export { bytesInWords } from './placement-words.ts'
export { placeSwarm, plan } from './plan.ts'
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
export { type PoolSnapshot, poolSeatSchema, poolSnapshotSchema } from './pool-snapshot.ts'
export { contextOf, type PoolView, viewPool } from './pool-view.ts'
export type { SwarmAct, SwarmEvent } from './swarm-events.ts'
export {
  type Coalition,
  emptySwarm,
  isLinkOpen,
  neededLinks,
  type SwarmConfig,
  type SwarmPeer,
  type SwarmState,
} from './swarm-state.ts'
