/** The front door of the transport: the page makes a host, the worker a transport, joined by one port. */
export { createDirectPorts, type HostPort } from './host-port.ts'
export type { HostCommand, HostEvent, IceServer } from './host-protocol.ts'
export { createRtcHost, type RtcHost, type RtcHostOptions } from './rtc-host.ts'
export {
  type ChannelCounts,
  createRtcTransport,
  type PeerLink,
  type RtcTransport,
  type RtcTransportOptions,
} from './rtc-transport.ts'
export { defaultTransportLimits, type TransportLimits } from './transport-limits.ts'
