/**
 * The JSON messages between a tab, the signaling hub and the orchestrator, over one WebSocket. The hub reads only its own
 * (`challenge` to `ping`, and the addresses of `signal`); the orchestrator's travel through it inside `desk` envelopes.
 * No message here has room for an activation.
 */
import { z } from 'zod'
import { requestJobSchema, sampledTokenSchema } from '../pipeline/sampling-params.ts'
import { receiptSchema } from '../receipts/receipt.ts'
import { sessionKeySchema } from '../receipts/session-key.ts'
import { auditCommands, auditRequests } from './audit-messages.ts'
import { challengeCommands, challengeRequests } from './challenge-messages.ts'
import { hopTraceSchema } from './frame-header.ts'
import { peerIdSchema } from './peer-id.ts'
import { trustCommands, trustRequests } from './trust-messages.ts'

/** Public key (ed25519, hex) of an AXL daemon: the address that its overlay knows it by. */
export const axlKeySchema = z.string().regex(/^[0-9a-f]{64}$/)

const epoch = z.int().min(0).max(0xffff_ffff)
const ms = z.number().min(0).max(1e7)
const bytes = z
  .int()
  .min(0)
  .max(2 ** 50)
const requestId = z.string().min(1).max(64)
const layerRange = z.strictObject({ start: z.int().min(0).max(512), end: z.int().min(1).max(512) })
const errorData = z.strictObject({
  code: z.string().max(64),
  message: z.string().max(2000),
  remedy: z.string().max(1000),
  context: z.record(z.string().max(64), z.union([z.string().max(500), z.number(), z.boolean(), z.null()])),
})

export const engineKindSchema = z.enum(['webgpu', 'wasm', 'native'])

/** What a tab measured of itself, before it holds anything. */
export const capabilitySchema = z.strictObject({
  engine: engineKindSchema,
  device: z.string().max(200),
  isSoftware: z.boolean(),
  activationDtype: z.enum(['f32', 'f16', 'bf16']),
  /** One decode step of one layer of the offered model, measured. */
  msPerLayer: ms.positive(),
  /** One draw at the exit, measured. */
  headMs: ms,
  /** What the operator allows for weights and caches together. */
  memoryBudgetBytes: bytes,
})
export type Capability = z.infer<typeof capabilitySchema>

/** How a peer can be reached by others, besides the hub. */
export const reachSchema = z.strictObject({
  /** By data channels. */
  webrtc: z.boolean(),
  /** Through the AXL daemon with this key. Null: it has none. */
  axl: axlKeySchema.nullable(),
})
export type Reach = z.infer<typeof reachSchema>

/**
 * `operator`: may hold a slice. `relay`: passes sealed datagrams on between peers that have no network in common. `auditor`: holds slices to
 * compute others' work again, and never a seat.
 */
export const peerRoleSchema = z.enum(['operator', 'relay', 'auditor'])
export type PeerRole = z.infer<typeof peerRoleSchema>

/** One way from a peer to another, as the first of the two sees it. */
export const linkPathSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('webrtc') }),
  /** Straight to the other's daemon, whose key this is. */
  z.strictObject({ kind: z.literal('axl'), key: axlKeySchema }),
  /** Through the relay `via`, which is reached by its daemon where `key` is given, else by a data channel. */
  z.strictObject({ kind: z.literal('relay'), via: peerIdSchema, key: axlKeySchema.nullable() }),
])
export type LinkPath = z.infer<typeof linkPathSchema>

/** All ways to one peer, the preferred one first. */
export const linkRouteSchema = z.strictObject({ peer: peerIdSchema, paths: z.array(linkPathSchema).min(1).max(4) })
export type LinkRoute = z.infer<typeof linkRouteSchema>

/**
 * A route as its seat is told it. `secret` (16 bytes, hex) is drawn anew for each pair and assignment, and told to the two ends alone:
 * without it nobody can make either of them look at a handshake. It goes into no snapshot and no log.
 */
export const assignedRouteSchema = linkRouteSchema.extend({ secret: z.string().regex(/^[0-9a-f]{32}$/) })
export type AssignedRoute = z.infer<typeof assignedRouteSchema>

export const seatSchema = z.strictObject({ seat: z.int().min(0).max(63), peer: peerIdSchema, layers: layerRange })
/** One seat of a coalition: who holds which layers. Seat 0 is the entry, the last seat the exit. */
export type Seat = z.infer<typeof seatSchema>

export const iceServerSchema = z.strictObject({
  urls: z.array(z.string().max(300)).min(1).max(8),
  username: z.string().max(300).optional(),
  credential: z.string().max(300).optional(),
})

/** Tab to orchestrator. */
export const deskRequestSchema = z.discriminatedUnion('type', [
  /** First message after authentication; the answer is `model-offered`. */
  z.strictObject({
    type: z.literal('peer-joined'),
    version: z.int(),
    agent: z.string().max(300),
    role: peerRoleSchema,
    reach: reachSchema,
    /** Layers that are loaded already, of the model last offered: after a break of the hub, or of the orchestrator. */
    holding: z.strictObject({ model: z.string().max(120), layers: layerRange }).optional(),
    /** Signs its receipts. */
    sessionKey: sessionKeySchema.optional(),
  }),
  z.strictObject({ type: z.literal('capability-reported'), model: z.string().max(120), capability: capabilitySchema }),
  z.strictObject({
    type: z.literal('slice-progressed'),
    epoch,
    layers: layerRange.optional(),
    phase: z.enum(['downloading', 'loading', 'testing']),
    doneBytes: bytes,
    totalBytes: bytes,
  }),
  /** Loaded, and the self-test passed. `layers`: which, for a standby may be given others within one epoch. */
  z.strictObject({
    type: z.literal('slice-ready'),
    epoch,
    layers: layerRange.optional(),
    kvBudgetBytes: bytes,
    maxContext: z.int().positive(),
  }),
  z.strictObject({ type: z.literal('slice-refused'), epoch, layers: layerRange.optional(), error: errorData }),
  z.strictObject({
    type: z.literal('links-reported'),
    epoch,
    links: z
      .array(
        z.strictObject({
          peer: peerIdSchema,
          kind: z.enum(['loopback', 'webrtc', 'axl', 'relay']),
          isOpen: z.boolean(),
          rttMs: ms.nullable(),
          /** Of frames of 32 KiB and more, measured; null before the first. */
          bytesPerSecond: z.number().min(0).max(1e12).nullable(),
        }),
      )
      .max(71),
  }),
  /** Relay only: what it passed on, and what it refused, since the assignment began. */
  z.strictObject({
    type: z.literal('relay-reported'),
    epoch,
    members: z.array(z.strictObject({ peer: peerIdSchema, forwardedBytes: bytes, refusedBytes: bytes })).max(64),
  }),
  /** Entry only, once a request, before its first token: its first activation has left the tab. A paid request's clock starts here. */
  z.strictObject({
    type: z.literal('request-flowing'),
    requestId,
    /** Positions of the prompt that an earlier cache held. */
    cachedTokens: z.int().nonnegative().optional(),
  }),
  /** Entry only. `index` counts generated tokens from 0. */
  z.strictObject({
    type: z.literal('token-generated'),
    requestId,
    index: z.int().nonnegative(),
    sampled: sampledTokenSchema,
    /** Of the lap that brought it, alone or with others: measured at the entry, from the start of the step to the arrival. */
    lapMs: ms,
    trace: z.array(hopTraceSchema).max(64),
  }),
  z.strictObject({
    type: z.literal('request-finished'),
    requestId,
    reason: z.enum(['stop', 'length', 'cancelled']),
    directHops: z.int().nonnegative(),
    /** Times around the ring, of which each brought one token or, with guesses that came true, several. */
    laps: z.int().nonnegative().optional(),
  }),
  z.strictObject({ type: z.literal('request-failed'), requestId, error: errorData }),
  /** Every seat, once an attempt, when it is over there. */
  receiptSchema.extend({ type: z.literal('request-receipted') }),
  z.strictObject({
    type: z.literal('stats-reported'),
    requests: z.int().nonnegative(),
    stepMs: ms.nullable(),
    weightsBytes: bytes,
    kvBytes: bytes,
    tokensServed: z.int().nonnegative(),
    isHidden: z.boolean(),
  }),
  /** It wants to go, but finishes what runs: no new requests for its ring; the answer is `release-slice`. */
  z.strictObject({ type: z.literal('peer-draining') }),
  z.strictObject({ type: z.literal('peer-leaving') }),
  ...auditRequests,
  ...challengeRequests,
  ...trustRequests,
])
export type DeskRequest = z.infer<typeof deskRequestSchema>

/** Orchestrator to tab. */
export const deskCommandSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('model-offered'),
    model: z.string().max(120),
    /** Folder of the pack; same-origin path or absolute URL, ends with a slash. */
    packUrl: z.string().max(1000),
    manifestSha256: z.string().regex(/^[0-9a-f]{64}$/),
    iceServers: z.array(iceServerSchema).max(8),
  }),
  /** Before the credentials of the last ones expire: for links made from now on, and for restarts of those that are open. */
  z.strictObject({ type: z.literal('ice-servers-renewed'), iceServers: z.array(iceServerSchema).max(8) }),
  z.strictObject({
    type: z.literal('assign-slice'),
    epoch,
    coalition: z.string().max(64),
    model: z.string().max(120),
    seat: z.int().min(0).max(63),
    seats: z.array(seatSchema).min(1).max(64),
    /** One for each other seat. */
    routes: z.array(assignedRouteSchema).max(63),
    kvBudgetBytes: bytes,
    maxContext: z.int().positive(),
  }),
  /**
   * Standby of a living coalition: load these layers as a seat would, link, and answer `slice-ready` of the same epoch. Whoever holds them
   * is given the seat, in a new assignment, when it falls vacant.
   */
  z.strictObject({
    type: z.literal('prepare-slice'),
    epoch,
    coalition: z.string().max(64),
    model: z.string().max(120),
    layers: layerRange,
    /** To each seat of the coalition. */
    routes: z.array(assignedRouteSchema).max(63),
    kvBudgetBytes: bytes,
    maxContext: z.int().positive(),
  }),
  /** The coalition goes on; from now on these are the ways to its other members, standbys among them. */
  z.strictObject({ type: z.literal('routes-renewed'), epoch, routes: z.array(assignedRouteSchema).max(71) }),
  /** Relay only: between whom it may pass datagrams, and how it reaches each. An empty list ends its work. */
  z.strictObject({
    type: z.literal('assign-relay'),
    epoch,
    coalition: z.string().max(64),
    members: z.array(z.strictObject({ peer: peerIdSchema, axl: axlKeySchema.nullable() })).max(64),
  }),
  /** Drop the slice and its links; wait for another assignment. */
  z.strictObject({ type: z.literal('release-slice'), epoch }),
  z.strictObject({ type: z.literal('run-request'), epoch, job: requestJobSchema }),
  z.strictObject({ type: z.literal('cancel-request'), requestId }),
  z.strictObject({ type: z.literal('peer-refused'), error: errorData }),
  ...auditCommands,
  ...challengeCommands,
  ...trustCommands,
])
export type DeskCommand = z.infer<typeof deskCommandSchema>

const linkNumber = z.int().min(0).max(0xffff_ffff)
const ofLink = {
  epoch,
  /** Counts the sender's connections: which of them this is about. */
  link: linkNumber,
  /** The receiver's that it talks to; null before that one's first word. */
  toLink: linkNumber.nullable(),
}
/** Which of a link's connections a signal is about: 0, or absent, is the first; the others carry frames only. */
const lane = z.int().min(0).max(7).optional()

/** What one peer tells another through the hub, to open a link: opaque to the hub, capped in size. */
export const linkSignalSchema = z.discriminatedUnion('type', [
  /** Of the side that makes no offer: its connection is new, and one is wanted. */
  z.strictObject({ type: z.literal('offer-wanted'), ...ofLink }),
  z.strictObject({
    type: z.literal('description'),
    ...ofLink,
    lane,
    sdpType: z.enum(['offer', 'answer']),
    sdp: z.string().max(20_000),
  }),
  /** An empty candidate ends the list. */
  z.strictObject({
    type: z.literal('candidate'),
    ...ofLink,
    lane,
    candidate: z.string().max(2000),
    sdpMid: z.string().max(64).nullable(),
    sdpMLineIndex: z.int().min(0).max(16).nullable(),
  }),
])
export type LinkSignal = z.infer<typeof linkSignalSchema>

/** Tab to hub. */
export const hubRequestSchema = z.discriminatedUnion('type', [
  /** Asks for a challenge; refused by name where the version differs. */
  z.strictObject({ type: z.literal('hello'), version: z.int(), peer: peerIdSchema }),
  /** The EIP-4361 text that the challenge dictated, signed (EIP-191) by the wallet in `peer`. */
  z.strictObject({
    type: z.literal('authenticate'),
    message: z.string().max(2000),
    signature: z.string().regex(/^0x[0-9a-fA-F]{130}$/),
  }),
  z.strictObject({ type: z.literal('signal'), to: peerIdSchema, signal: linkSignalSchema }),
  z.strictObject({ type: z.literal('desk'), request: deskRequestSchema }),
  z.strictObject({ type: z.literal('ping'), nonce: z.int().nonnegative() }),
])
export type HubRequest = z.infer<typeof hubRequestSchema>

/** Hub to tab. */
export const hubReplySchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('challenge'), version: z.int(), message: z.string().max(2000) }),
  z.strictObject({ type: z.literal('welcome'), peer: peerIdSchema, silenceLimitMs: ms }),
  /** The hub closes the socket after a refusal that is not about one message. */
  z.strictObject({ type: z.literal('refused'), error: errorData }),
  z.strictObject({ type: z.literal('signal'), from: peerIdSchema, signal: linkSignalSchema }),
  z.strictObject({ type: z.literal('desk'), command: deskCommandSchema }),
  z.strictObject({ type: z.literal('pong'), nonce: z.int().nonnegative() }),
])
export type HubReply = z.infer<typeof hubReplySchema>
