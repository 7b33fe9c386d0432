/** The front door of signaling: the hub, its WebSocket adapter, and TURN credentials. */
export { type AttachedSignaling, type AttachOptions, attachSignaling } from './attach-signaling.ts'
export { addressOf, type Challenge, createChallenge, type SignInDomain } from './challenge.ts'
export { defaultHubLimits, type HubLimits } from './hub-limits.ts'
export {
  closeCodes,
  type Desk,
  type GoneReason,
  type HubLink,
  type SignalingHub,
  type SignalingHubOptions,
} from './hub-ports.ts'
export { createSignalingHub } from './signaling-hub.ts'
export { type IceConfig, type IceServer, iceServersFor, turnCredentials } from './turn-credentials.ts'
export { type SignedMessage, verifySignature } from './verify-signature.ts'
