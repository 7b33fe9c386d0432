export { createDesk, type Desk, type DeskOptions } from './desk.ts'
export type { DeskPort, HubPort } from './hub-port.ts'
export type { LiveRequest, RequestEvent, RequestLimits, RequestOrder } from './request-table.ts'
