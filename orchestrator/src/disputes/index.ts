export { createDisputeDesk, type DisputeDesk } from './dispute-desk.ts'
export type { Breach, DisputeDeskOptions, DisputeKillHook } from './dispute-ports.ts'
export { disputeRoutes } from './dispute-routes.ts'
