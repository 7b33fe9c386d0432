/**
 * The header of a tensor frame. A frame is a 4-byte little-endian header length, this header as JSON, then raw bytes; the first
 * six fields are the original ComputePool's, the rest is ours. docs/protocol.md describes it byte by byte.
 */
import { z } from 'zod'
import {
  cacheReuseSchema,
  receiptNonceSchema,
  sampledTokenSchema,
  samplingParamsSchema,
} from '../pipeline/sampling-params.ts'

/** Raised when a peer of the last version could not understand us. */
export const protocolVersion = 8

/** Bytes of a `handover` frame's payload. */
export const maxHandoverFrameBytes = 256 << 10

/** Tokens that one frame may guess. */
export const maxDraftTokens = 32

export const frameKinds = ['hidden', 'token', 'control', 'handover'] as const
/** `hidden`: f32, f16 or bf16; `token`: int64; `control`: json; `handover`: bytes. */
export const frameDtypes = ['f32', 'f16', 'bf16', 'int64', 'json', 'bytes'] as const

/** Of a header's everyday fields: what the schema and `isUsualHeader` go by. */
export const headerBounds = {
  idLength: 64,
  axes: 3,
  /** Of positions, and of an axis. */
  size: 1_048_576,
  /** Of frames, and of assignments. */
  count: 0xffff_ffff,
  seat: 63,
  hops: 64,
  ms: 1e7,
} as const
const { idLength, axes, size, count, seat, hops, ms } = headerBounds

/** Where a lap's time went, one entry a seat, appended as the frame travels. */
export const hopTraceSchema = z.strictObject({
  seat: z.int().min(0).max(seat),
  /** Time in the engine. */
  computeMs: z.number().min(0).max(ms),
  /** Time between arrival and start of compute. */
  queueMs: z.number().min(0).max(ms),
  /** Positions in the row, where it was a chunk of a prompt. */
  tokens: z.int().min(1).max(size).optional(),
})
export type HopTrace = z.infer<typeof hopTraceSchema>

export const frameHeaderSchema = z.strictObject({
  request_id: z.string().min(1).max(idLength),
  kind: z.enum(frameKinds),
  dtype: z.enum(frameDtypes),
  /** `hidden`: [tokens, hidden]; `token`: [tokens]; `control`, `handover`: [bytes]. */
  shape: z.array(z.int().min(0).max(size)).max(axes),
  /** Per request and direction, from 0: the receiver puts frames in order by it. */
  seq: z.int().min(0).max(count),
  /** Absolute position of the first row (`hidden`), or of the first token that was drawn (`token`). */
  position: z.int().min(0).max(size).default(0),
  /** The assignment this frame belongs to; frames of another epoch are dropped. */
  epoch: z.int().min(0).max(count).default(0),
  /** On the first hidden frame of a request. */
  sampling: samplingParamsSchema.optional(),
  /** With `sampling`, where repetitionPenalty is not 1. */
  prompt_tokens: z.array(z.int().nonnegative()).max(131_072).optional(),
  /** With `sampling`, where any penalty is on and tokens of the answer were drawn before this request took over: those tokens. */
  generated_tokens: z.array(z.int().nonnegative()).max(131_072).optional(),
  /** On the first hidden frame: begin with the first `positions` positions of the cache that a request which is over left here. */
  reuse: cacheReuseSchema.optional(),
  /** On the first hidden frame: the job's, for the seats' receipts. */
  nonce: receiptNonceSchema.optional(),
  /** True on the hidden frame from whose last row the exit draws. */
  sample: z.boolean().optional(),
  /** With `sample`: guesses of the tokens to be drawn. The last 1 + n rows are the current token and these n. */
  draft: z.array(z.int().nonnegative()).min(1).max(maxDraftTokens).optional(),
  /** `token`: log-probabilities of one token, where they were asked for. */
  sampled: sampledTokenSchema.optional(),
  /** `token`: the same of several. */
  sampled_list: z
    .array(sampledTokenSchema)
    .min(2)
    .max(maxDraftTokens + 1)
    .optional(),
  trace: z.array(hopTraceSchema).max(hops).optional(),
  /** `handover`: what the command asked for, and so which of two blobs it belongs to. `request_id` is the check's. */
  as: z.enum(['received', 'sent']).optional(),
  /** `handover`: no frame of a higher `seq` follows. */
  last: z.boolean().optional(),
})
/** A frame's parsed header. */
export type FrameHeader = z.infer<typeof frameHeaderSchema>

/** A whole frame: header and payload bytes. */
export interface Frame {
  readonly header: FrameHeader
  readonly payload: Uint8Array
}

/** Payload of a `control` frame, as JSON. */
export const frameControlSchema = z.discriminatedUnion('type', [
  /** The request is over: free its cache, or keep it for a later request while there is room. Travels forward, seat to seat. */
  z.strictObject({ type: z.literal('end'), keep: z.boolean().optional() }),
  /** The exit has taken every row before `position`: travels straight to the entry, which bounds its prefill in flight by it. */
  z.strictObject({ type: z.literal('progress'), position: z.int().min(0).max(size) }),
  /** A seat could not do its step: travels straight to the entry. */
  z.strictObject({
    type: z.literal('failed'),
    code: z.string().max(64),
    message: z.string().max(1000),
    remedy: z.string().max(1000).default(''),
    seat: z.int().min(0).max(seat),
  }),
])
export type FrameControl = z.infer<typeof frameControlSchema>
