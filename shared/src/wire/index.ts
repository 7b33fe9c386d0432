export {
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
  type LinkSignal,
  linkSignalSchema,
  type PeerId,
  peerIdSchema,
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
  decodeToken,
  defaultMaxPayloadBytes,
  encodeControl,
  encodeFrame,
  encodeToken,
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
  protocolVersion,
} from './frame-header.ts'
export { type LinkMessage, linkMessageSchema, parseLinkMessage, versionRefusal } from './link-messages.ts'
export { createReassembler, type Reassembler, type ReassemblerLimits } from './reassembler.ts'
