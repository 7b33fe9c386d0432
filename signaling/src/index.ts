/** The front door of signaling: the hub, its WebSocket adapter, and TURN credentials. */
export { attachDesk, type DetachedHub } from './attach-desk.ts'
export { type AttachedSignaling, type AttachOptions, attachSignaling } from './attach-signaling.ts'
export { addressOf, type Challenge, createChallenge, type SignInDomain } from './challenge.ts'
export { connectRemoteHub, type DeskSocket, type RemoteHub, type RemoteHubOptions } from './connect-remote-hub.ts'
export { defaultHubLimits, type HubLimits } from './hub-limits.ts'
export {
  closeCodes,
  type Desk,
  type GoneReason,
  type HubLink,
  type SignalingHub,
  type SignalingHubOptions,
} from './hub-ports.ts'
export { type RemoteDesk, type RemoteDeskOptions, serveRemoteDesk } from './serve-remote-desk.ts'
export { createSignalingHub } from './signaling-hub.ts'
export { type StartHubOptions, startHub } from './start-hub.ts'
export { type IceConfig, type IceServer, iceServersFor, turnCredentials } from './turn-credentials.ts'
export { type SignedMessage, verifySignature } from './verify-signature.ts'
