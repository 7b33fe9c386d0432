export { createDesk, type Desk, type DeskOptions } from './desk.ts'
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
