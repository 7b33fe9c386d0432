export {
  type CheckedAttempt,
  type CheckTerms,
  checkedAttemptSchema,
  checkIdSchema,
  checkTermsSchema,
  drawRunSchema,
} from './audit-messages.ts'
export { challengeIdSchema, type SliceProof, sliceProofSchema } from './challenge-messages.ts'
export {
  type AssignedRoute,
  assignedRouteSchema,
  axlKeySchema,
  type Capability,
  capabilitySchema,
  type DeskCommand,
  type DeskRequest,
  deskCommandSchema,
  deskRequestSchema,
  engineKindSchema,
  type HubReply,
  type HubRequest,
  hubReplySchema,
  hubRequestSchema,
  iceServerSchema,
  type LinkPath,
  type LinkRoute,
  type LinkSignal,
  linkPathSchema,
  linkRouteSchema,
  linkSignalSchema,
  type PeerRole,
  peerRoleSchema,
  type Reach,
  reachSchema,
  type Seat,
  seatSchema,
} from './control-messages.ts'
export {
  countFragments,
  defaultFragmentBytes,
  type Fragment,
  fragmentAt,
  fragmentFrame,
  fragmentHeaderBytes,
  readFragment,
} from './fragment.ts'
export {
  bytesPerElement,
  decodeControl,
  decodeFrame,
  decodeTokens,
  defaultMaxPayloadBytes,
  encodeControl,
  encodeFrame,
  encodeTokens,
  type FrameLimits,
  maxHeaderBytes,
} from './frame-codec.ts'
export {
  type Frame,
  type FrameControl,
  type FrameHeader,
  frameControlSchema,
  frameHeaderSchema,
  type HopTrace,
  hopTraceSchema,
  maxDraftTokens,
  maxHandoverFrameBytes,
  protocolVersion,
} from './frame-header.ts'
export { type LinkMessage, linkMessageSchema, parseLinkMessage, versionRefusal } from './link-messages.ts'
export {
  decodeOriginalFrame,
  encodeOriginalEnd,
  encodeOriginalHidden,
  encodeOriginalToken,
  maxOriginalHeaderBytes,
  maxOriginalPayloadBytes,
  type OriginalFrame,
  type OriginalHidden,
} from './original-frame.ts'
export { type PeerId, peerIdSchema } from './peer-id.ts'
export { createReassembler, type Reassembler, type ReassemblerLimits } from './reassembler.ts'
export { type TermsJson, termsJsonSchema } from './trust-messages.ts'
