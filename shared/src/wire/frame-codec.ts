/**
 * Frames to bytes and back. A frame is a 4-byte little-endian header length, the header as JSON, then raw bytes. Decoding copies
 * no payload but behind a long header: it is a window into what arrived. It knows no links and no engines.
 */
import type { z } from 'zod'
import { ComputePoolError } from '../errors/index.ts'
import type { SampledToken } from '../pipeline/sampling-params.ts'
import {
  type Frame,
  type FrameControl,
  type FrameHeader,
  frameControlSchema,
  frameHeaderSchema,
  maxDraftTokens,
  maxHandoverFrameBytes,
} from './frame-header.ts'
import { isUsualHeader } from './usual-header.ts'

/** Width of the header-length field, and so where the header begins. */
export const frameHeaderOffset = 4
/** The header is padded with spaces until the payload begins on this boundary, so that f32 and int64 can be read in place. */
export const payloadAlignment = 8
/** 131,072 prompt tokens of up to seven digits, and room for the rest. */
export const maxHeaderBytes = 1_179_648
export const defaultMaxPayloadBytes = 64 << 20
export const maxControlBytes = 16_384

/** A payload behind a longer header is copied, so that who keeps it does not keep the header with it. */
const keptHeaderBytes = 4096

export const bytesPerElement = { f32: 4, f16: 2, bf16: 2, int64: 8, json: 1, bytes: 1 } as const

/** Of an int64. */
const tokenBytes = bytesPerElement.int64

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const space = 0x20

export interface FrameLimits {
  /** Default 64 MiB. */
  readonly maxPayloadBytes?: number
}

/** `frame` as bytes. Errors: `peer_frame_invalid` where payload, shape and kind disagree, `peer_frame_too_large`. */
export function encodeFrame(frame: Frame, limits: FrameLimits = {}): Uint8Array<ArrayBuffer> {
  checkPayload(frame.header, frame.payload.length, limits)
  const json = JSON.stringify(frame.header)
  const wide = isShortAscii(json) ? null : encoder.encode(json)
  const unpadded = frameHeaderOffset + (wide ?? json).length
  const payloadOffset = Math.ceil(unpadded / payloadAlignment) * payloadAlignment
  const headerBytes = payloadOffset - frameHeaderOffset
  if (headerBytes > maxHeaderBytes) throw tooLarge('header', headerBytes, maxHeaderBytes)
  const bytes = new Uint8Array(payloadOffset + frame.payload.length)
  // Little-endian; a DataView and an encoder's own array would be two more objects for each frame.
  for (let i = 0; i < frameHeaderOffset; i++) bytes[i] = headerBytes >>> (8 * i)
  if (wide !== null) bytes.set(wide, frameHeaderOffset)
  else for (let i = 0; i < json.length; i++) bytes[frameHeaderOffset + i] = json.charCodeAt(i)
  bytes.fill(space, unpadded, payloadOffset)
  bytes.set(frame.payload, payloadOffset)
  return bytes
}

function isShortAscii(text: string): boolean {
  if (text.length > keptHeaderBytes) return false
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

/**
 * The frame in `bytes`; its payload is a view of them, or a copy. A control frame's payload is read by `decodeControl`, a token's by
 * `decodeTokens`. Errors: `peer_frame_invalid`, `peer_frame_too_large`.
 */
export function decodeFrame(bytes: Uint8Array, limits: FrameLimits = {}): Frame {
  if (bytes.length < frameHeaderOffset) throw invalid(`it has ${bytes.length} bytes, a header length takes 4`)
  const headerBytes = (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0
  if (headerBytes > maxHeaderBytes) throw tooLarge('header', headerBytes, maxHeaderBytes)
  const payloadOffset = frameHeaderOffset + headerBytes
  if (payloadOffset > bytes.length) {
    throw invalid(`its header is to end at byte ${payloadOffset}, the frame ends at ${bytes.length}`)
  }
  const json = jsonIn(bytes.subarray(frameHeaderOffset, payloadOffset), 'header')
  const header = isUsualHeader(json) ? json : parsed(json, frameHeaderSchema, 'header')
  const payload = headerBytes > keptHeaderBytes ? bytes.slice(payloadOffset) : bytes.subarray(payloadOffset)
  checkPayload(header, payload.length, limits)
  return { header, payload }
}

/** What a control frame says. Errors: `peer_frame_invalid`. */
export function decodeControl(frame: Frame): FrameControl {
  if (frame.header.kind !== 'control') throw invalid(`a ${frame.header.kind} frame was read as control`)
  return parsed(jsonIn(frame.payload, 'control message'), frameControlSchema, 'control message')
}

/** Shape, dtype and payload of a control frame, to put beside the rest of a header. */
export function encodeControl(control: FrameControl): {
  readonly kind: 'control'
  readonly dtype: 'json'
  readonly shape: [number]
  readonly payload: Uint8Array<ArrayBuffer>
} {
  const payload = encoder.encode(JSON.stringify(control))
  return { kind: 'control', dtype: 'json', shape: [payload.length], payload }
}

/** Token ids as the payload of a token frame: little-endian int64. */
export function encodeTokens(tokens: readonly number[]): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(tokenBytes * tokens.length)
  const view = new DataView(payload.buffer)
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!
    if (!Number.isSafeInteger(token) || token < 0) throw invalid(`${token} is no token id`)
    view.setUint32(tokenBytes * i, token % 2 ** 32, true)
    view.setUint32(tokenBytes * i + 4, Math.floor(token / 2 ** 32), true)
  }
  return payload
}

/** The tokens of a token frame, with log-probabilities where the header has them; both must agree. Errors: `peer_frame_invalid`. */
export function decodeTokens(frame: Frame): SampledToken[] {
  const { header, payload } = frame
  if (header.kind !== 'token') throw invalid(`a ${header.kind} frame was read as tokens`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const described = header.sampled_list ?? (header.sampled && [header.sampled])
  const tokens: SampledToken[] = []
  for (let at = 0; at + tokenBytes <= payload.byteLength; at += tokenBytes) {
    // Below zero by its sign, or beyond what a number holds exactly.
    const token = view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)
    if (token < 0 || token > Number.MAX_SAFE_INTEGER) throw invalid(`${view.getBigInt64(at, true)} is no token id`)
    const sampled = described?.[tokens.length] ?? { token, logprob: null, topLogprobs: [] }
    if (sampled.token !== token)
      throw invalid(`token ${tokens.length} of its payload is ${token}, its header says ${sampled.token}`)
    tokens.push(sampled)
  }
  return tokens
}

const ofActivations = ['sampling', 'prompt_tokens', 'generated_tokens', 'reuse', 'nonce', 'sample'] as const
const ofTokens = ['sampled', 'sampled_list'] as const
const ofHandovers = ['as', 'last'] as const

interface KindRules {
  readonly dtypes: readonly FrameHeader['dtype'][]
  /** Of a payload, where the caller has no say. */
  readonly limit: number | null
  /** Fields of other kinds. */
  readonly misplaced: readonly (keyof FrameHeader)[]
}

const rulesOf: Readonly<Record<FrameHeader['kind'], KindRules>> = {
  hidden: { dtypes: ['f32', 'f16', 'bf16'], limit: null, misplaced: [...ofTokens, ...ofHandovers] },
  token: { dtypes: ['int64'], limit: null, misplaced: [...ofActivations, ...ofHandovers] },
  control: { dtypes: ['json'], limit: maxControlBytes, misplaced: [...ofActivations, ...ofHandovers] },
  handover: {
    dtypes: ['bytes'],
    limit: maxHandoverFrameBytes,
    misplaced: [...ofActivations, ...ofTokens, 'trace'],
  },
}

/** What the schema cannot say: kind, dtype, shape and payload size agree. */
function checkPayload(header: FrameHeader, payloadBytes: number, { maxPayloadBytes }: FrameLimits): void {
  const { kind, dtype, shape } = header
  const rules = rulesOf[kind]
  const limit = rules.limit ?? maxPayloadBytes ?? defaultMaxPayloadBytes
  if (payloadBytes > limit) throw tooLarge('payload', payloadBytes, limit)
  if (!rules.dtypes.includes(dtype)) throw invalid(`a ${kind} frame cannot be ${dtype}`)
  // A scalar's empty shape counts one element; a product beyond 2^53 is far from any payload, so its rounding is harmless.
  let elements = 1
  for (const size of shape) elements *= size
  if (elements * bytesPerElement[dtype] !== payloadBytes) {
    throw invalid(
      `shape [${shape.join(', ')}] of ${dtype} takes ${elements * bytesPerElement[dtype]} bytes, the payload has ${payloadBytes}`,
    )
  }
  if (kind === 'token') checkTokens(header, elements)
  for (const field of rules.misplaced) if (header[field] !== undefined) throw invalid(`a ${kind} frame has no ${field}`)
  if (header.draft && (header.sample !== true || kind !== 'hidden' || header.draft.length >= shape[0]!))
    throw invalid(`a draft of ${header.draft.length} came with a ${kind} frame of shape [${shape.join(', ')}]`)
  if (kind === 'hidden' && (shape.length !== 2 || elements === 0)) {
    throw invalid(`hidden states have shape [tokens, hidden], not [${shape.join(', ')}]`)
  }
}

function checkTokens({ shape, sampled, sampled_list: list }: FrameHeader, tokens: number): void {
  if (tokens < 1 || tokens > maxDraftTokens + 1 || (shape.length !== 1 && tokens !== 1))
    throw invalid(`a token frame carries 1 to ${maxDraftTokens + 1} tokens, not shape [${shape.join(', ')}]`)
  const described = sampled ? 1 : list?.length
  if ((sampled && list) || (described !== undefined && described !== tokens))
    throw invalid(`it has ${tokens} tokens and log-probabilities of ${described}`)
}

function jsonIn(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw invalid(`its ${what} is not JSON in UTF-8`, cause)
  }
}

function parsed<S extends z.ZodType>(json: unknown, schema: S, what: string): z.infer<S> {
  const outcome = schema.safeParse(json)
  if (outcome.success) return outcome.data
  const issue = outcome.error.issues[0]
  throw invalid(
    `its ${what} has a wrong field: ${issue?.path.map(String).join('.') || what}: ${issue?.message}`.slice(0, 500),
  )
}

const invalid = (what: string, cause?: unknown): ComputePoolError =>
  new ComputePoolError('peer_frame_invalid', `A frame is invalid: ${what}`, {
    remedy: 'Drop the frame and route the request over another peer.',
    cause,
  })

const tooLarge = (what: string, sizeBytes: number, limitBytes: number): ComputePoolError =>
  new ComputePoolError('peer_frame_too_large', `A frame's ${what} has ${sizeBytes} bytes, the limit is ${limitBytes}`, {
    remedy: 'Send smaller chunks.',
    context: { sizeBytes, limitBytes },
  })
