export { createDesk } from './desk.ts'
export type { Desk, DeskOptions } from './desk-ports.ts'
export type { DeskPort, HubPort } from './hub-port.ts'
export type {
  CutReason,
  Lap,
  LiveRequest,
  RequestEvent,
  RequestLimits,
  RequestObserver,
  RequestOrder,
  RequestOutcome,
} from './live-request.ts'
