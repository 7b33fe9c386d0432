export { apply } from './apply.ts'
export { type AuditorWays, auditorWays, bytesToAudit } from './auditor-ways.ts'
export { isTimeAwaited } from './awaits-time.ts'
export { isRetiring, isRingDraining } from './coalition-links.ts'
export { livingCoalitions } from './coalitions.ts'
export { isSeatJudged } from './explain-seat.ts'
export { missingLayersInWords } from './missing-layers.ts'
export { canPlace } from './place-swarm.ts'
export { plan } from './plan.ts'
export type { PlacementModel } from './plan-placement.ts'
export { expectedLapMs } from './plan-successor.ts'
export { type PoolSnapshot, poolSnapshotSchema } from './pool-snapshot.ts'
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
export { mayHoldText } from './weights.ts'
