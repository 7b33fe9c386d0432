/**
 * The original ComputePool's frames, for peers that speak nothing newer: the same framing as ours with six header fields and a
 * temperature, activations in bfloat16 only, no position, no epoch, no padding. It knows no links, no engines and no requests' state.
 */
import { z } from 'zod'
import { convertActivation } from '../engine/convert-activation.ts'
import { asComputePoolError, ComputePoolError } from '../errors/index.ts'
import type { Activation } from '../ports/index.ts'

/** Far more than six fields take; the prompt does not travel in a header here. */
export const maxOriginalHeaderBytes = 65_536
/** What AXL carries in one message; ours leave room for the header. */
export const maxOriginalPayloadBytes = (16 << 20) - maxOriginalHeaderBytes

const lengthBytes = 4
const tokenBytes = 8
const maxControlBytes = 16_384

/** Fields that are not named here are another version's: they are let pass, and left out. */
const headerSchema = z.object({
  request_id: z.string().min(1).max(128),
  kind: z.enum(['hidden', 'token', 'control']),
  dtype: z.string().max(32).optional(),
  shape: z.array(z.int().min(0).max(1_048_576)).max(4).optional(),
  seq: z.int().min(0).max(0xffff_ffff).optional(),
  temperature: z.number().min(0).max(100).optional(),
})
const controlSchema = z.object({ type: z.literal('end') })

/** What an original frame says. `seq` is null where the sender left it out. */
export type OriginalFrame =
  | {
      readonly kind: 'hidden'
      readonly requestId: string
      readonly seq: number | null
      /** bfloat16. */
      readonly activation: Activation
      readonly temperature: number
    }
  | { readonly kind: 'token'; readonly requestId: string; readonly seq: number | null; readonly token: number }
  | { readonly kind: 'end'; readonly requestId: string; readonly seq: number | null }

export interface OriginalHidden {
  readonly requestId: string
  /** Per request, from 0. */
  readonly seq: number
  /** Any float type; rounded to bfloat16, ties to even. */
  readonly activation: Activation
  /** 0 is greedy. */
  readonly temperature: number
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A step's activations, shape [tokens, hidden]. Errors: `peer_frame_invalid`, `peer_frame_too_large`. */
export function encodeOriginalHidden(frame: OriginalHidden): Uint8Array<ArrayBuffer> {
  const { requestId, seq, temperature } = frame
  const { tokens, hidden, data } = convertActivation(frame.activation, 'bf16')
  if (tokens < 1 || data.byteLength !== tokens * hidden * 2)
    throw invalid(
      `${tokens} rows of ${hidden} bfloat16 take ${tokens * hidden * 2} bytes, the activation has ${data.byteLength}`,
    )
  const header = { request_id: requestId, kind: 'hidden', dtype: 'bfloat16', shape: [tokens, hidden], seq, temperature }
  return frameOf(header, data)
}

/** One drawn token as an int64. Errors: `peer_frame_invalid`. */
export function encodeOriginalToken(requestId: string, seq: number, token: number): Uint8Array<ArrayBuffer> {
  if (!Number.isSafeInteger(token) || token < 0) throw invalid(`${token} is no token id`)
  const payload = new Uint8Array(tokenBytes)
  new DataView(payload.buffer).setBigInt64(0, BigInt(token), true)
  return frameOf({ request_id: requestId, kind: 'token', dtype: 'int64', shape: [1], seq }, payload)
}

/** The request is over: its cache may go. */
export function encodeOriginalEnd(requestId: string, seq: number): Uint8Array<ArrayBuffer> {
  const payload = encoder.encode('{"type":"end"}')
  return frameOf({ request_id: requestId, kind: 'control', dtype: 'json', shape: [payload.length], seq }, payload)
}

/**
 * The frame in `bytes`; a hidden frame's payload is a view of them. Extra fields pass; sizes must agree to the byte.
 * Errors: `peer_frame_invalid`, `peer_frame_too_large`; their context names the request where the header told it.
 */
export function decodeOriginalFrame(bytes: Uint8Array): OriginalFrame {
  if (bytes.length < lengthBytes) throw invalid(`it has ${bytes.length} bytes, a header length takes ${lengthBytes}`)
  const headerBytes = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true)
  if (headerBytes > maxOriginalHeaderBytes) throw tooLarge('header', headerBytes, maxOriginalHeaderBytes)
  const payloadOffset = lengthBytes + headerBytes
  if (payloadOffset > bytes.length)
    throw invalid(`its header is to end at byte ${payloadOffset}, the frame ends at ${bytes.length}`)
  const header = parse(bytes.subarray(lengthBytes, payloadOffset), headerSchema, 'header')
  try {
    return frameFrom(header, bytes.subarray(payloadOffset))
  } catch (thrown) {
    const { code, message, remedy, context } = asComputePoolError(thrown)
    throw new ComputePoolError(code, message, { remedy, context: { ...context, requestId: header.request_id } })
  }
}

function frameFrom(header: Header, payload: Uint8Array): OriginalFrame {
  if (payload.length > maxOriginalPayloadBytes) throw tooLarge('payload', payload.length, maxOriginalPayloadBytes)
  const told = { requestId: header.request_id, seq: header.seq ?? null }
  if (header.kind === 'control') {
    if (payload.length > maxControlBytes) throw tooLarge('payload', payload.length, maxControlBytes)
    parse(payload, controlSchema, 'control message')
    return { kind: 'end', ...told }
  }
  if (header.kind === 'token') return { kind: 'token', ...told, token: tokenIn(header, payload) }
  return { kind: 'hidden', ...told, activation: activationIn(header, payload), temperature: header.temperature ?? 0 }
}

type Header = z.infer<typeof headerSchema>

function tokenIn(header: Header, payload: Uint8Array): number {
  // A scalar's empty shape counts one element, and so does [1, 1].
  const elements = (header.shape ?? []).reduce((product, size) => product * size, 1)
  if (header.dtype !== 'int64') throw invalid(`a token is int64, not ${header.dtype ?? 'of no type'}`)
  if (elements !== 1 || payload.length !== tokenBytes)
    throw invalid(`a token frame carries one int64; it has ${elements} in ${payload.length} bytes`)
  const wide = new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getBigInt64(0, true)
  const token = Number(wide)
  if (wide < 0n || !Number.isSafeInteger(token)) throw invalid(`${wide} is no token id`)
  return token
}

function activationIn(header: Header, payload: Uint8Array): Activation {
  if (header.dtype !== 'bfloat16') throw invalid(`an activation is bfloat16, not ${header.dtype ?? 'of no type'}`)
  const shape = header.shape ?? []
  // [tokens, hidden], or [1, tokens, hidden] from a sender that counts a batch.
  const [tokens = 0, hidden = 0] = shape.length === 3 && shape[0] === 1 ? shape.slice(1) : shape
  const isMatrix = shape.length === 2 || (shape.length === 3 && shape[0] === 1)
  if (!isMatrix || tokens < 1 || hidden < 1) throw invalid(`an activation of shape [${shape.join(', ')}] arrived`)
  if (payload.length !== tokens * hidden * 2)
    throw invalid(
      `shape [${shape.join(', ')}] of bfloat16 takes ${tokens * hidden * 2} bytes, the payload has ${payload.length}`,
    )
  return { dtype: 'bf16', tokens, hidden, data: payload }
}

function frameOf(header: Readonly<Record<string, unknown>>, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const json = encoder.encode(JSON.stringify(header))
  if (json.length > maxOriginalHeaderBytes) throw tooLarge('header', json.length, maxOriginalHeaderBytes)
  if (payload.length > maxOriginalPayloadBytes) throw tooLarge('payload', payload.length, maxOriginalPayloadBytes)
  const bytes = new Uint8Array(lengthBytes + json.length + payload.length)
  new DataView(bytes.buffer).setUint32(0, json.length, true)
  bytes.set(json, lengthBytes)
  bytes.set(payload, lengthBytes + json.length)
  return bytes
}

function parse<S extends z.ZodType>(bytes: Uint8Array, schema: S, what: string): z.infer<S> {
  let json: unknown
  try {
    json = JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw invalid(`its ${what} is no JSON`, cause)
  }
  const parsed = schema.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw invalid(`its ${what} is wrong at "${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'unknown'}`)
  }
  return parsed.data
}

function invalid(what: string, cause?: unknown): ComputePoolError {
  return new ComputePoolError('peer_frame_invalid', `A frame of the original protocol was refused: ${what}.`, {
    remedy: 'Send the request again through another peer.',
    ...(cause === undefined ? {} : { cause }),
  })
}

function tooLarge(part: string, bytes: number, limit: number): ComputePoolError {
  return new ComputePoolError(
    'peer_frame_too_large',
    `The ${part} of an original frame has ${bytes} bytes, the limit is ${limit}.`,
    { remedy: 'Send smaller chunks.', context: { bytes, limit } },
  )
}
