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
  const json = encoder.encode(JSON.stringify(frame.header))
  const unpadded = frameHeaderOffset + json.length
  const payloadOffset = Math.ceil(unpadded / payloadAlignment) * payloadAlignment
  const headerBytes = payloadOffset - frameHeaderOffset
  if (headerBytes > maxHeaderBytes) throw tooLarge('header', headerBytes, maxHeaderBytes)
  const bytes = new Uint8Array(payloadOffset + frame.payload.length)
  new DataView(bytes.buffer).setUint32(0, headerBytes, true)
  bytes.set(json, frameHeaderOffset)
  bytes.fill(space, unpadded, payloadOffset)
  bytes.set(frame.payload, payloadOffset)
  return bytes
}

/**
 * The frame in `bytes`; its payload is a view of them, or a copy. A control frame's payload is read by `decodeControl`, a token's by
 * `decodeTokens`. Errors: `peer_frame_invalid`, `peer_frame_too_large`.
 */
export function decodeFrame(bytes: Uint8Array, limits: FrameLimits = {}): Frame {
  if (bytes.length < frameHeaderOffset) throw invalid(`it has ${bytes.length} bytes, a header length takes 4`)
  const headerBytes = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true)
  if (headerBytes > maxHeaderBytes) throw tooLarge('header', headerBytes, maxHeaderBytes)
  const payloadOffset = frameHeaderOffset + headerBytes
  if (payloadOffset > bytes.length) {
    throw invalid(`its header is to end at byte ${payloadOffset}, the frame ends at ${bytes.length}`)
  }
  const header = parseJson(bytes.subarray(frameHeaderOffset, payloadOffset), frameHeaderSchema, 'header')
  const payload = headerBytes > keptHeaderBytes ? bytes.slice(payloadOffset) : bytes.subarray(payloadOffset)
  checkPayload(header, payload.length, limits)
  return { header, payload }
}

/** What a control frame says. Errors: `peer_frame_invalid`. */
export function decodeControl(frame: Frame): FrameControl {
  if (frame.header.kind !== 'control') throw invalid(`a ${frame.header.kind} frame was read as control`)
  return parseJson(frame.payload, frameControlSchema, 'control message')
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
  const payload = new Uint8Array(8 * tokens.length)
  const view = new DataView(payload.buffer)
  tokens.forEach((token, index) => {
    if (!Number.isSafeInteger(token) || token < 0) throw invalid(`${token} is no token id`)
    view.setBigInt64(8 * index, BigInt(token), true)
  })
  return payload
}

/** The tokens of a token frame, with log-probabilities where the header has them; both must agree. Errors: `peer_frame_invalid`. */
export function decodeTokens(frame: Frame): SampledToken[] {
  const { header, payload } = frame
  if (header.kind !== 'token') throw invalid(`a ${header.kind} frame was read as tokens`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const described = header.sampled_list ?? (header.sampled && [header.sampled])
  return Array.from({ length: payload.byteLength / 8 }, (_, index) => {
    const wide = view.getBigInt64(8 * index, true)
    const token = Number(wide)
    if (wide < 0n || !Number.isSafeInteger(token)) throw invalid(`${wide} is no token id`)
    const sampled = described?.[index] ?? { token, logprob: null, topLogprobs: [] }
    if (sampled.token !== token)
      throw invalid(`token ${index} of its payload is ${token}, its header says ${sampled.token}`)
    return sampled
  })
}

const dtypesOf = { hidden: ['f32', 'f16', 'bf16'], token: ['int64'], control: ['json'], handover: ['bytes'] } as const

const ofActivations = ['sampling', 'prompt_tokens', 'generated_tokens', 'reuse', 'nonce', 'sample'] as const
const ofTokens = ['sampled', 'sampled_list'] as const
const ofHandovers = ['as', 'last'] as const
const misplacedIn = {
  hidden: [...ofTokens, ...ofHandovers],
  token: [...ofActivations, ...ofHandovers],
  control: [...ofActivations, ...ofHandovers],
  handover: [...ofActivations, ...ofTokens, 'trace'],
} as const

/** What the schema cannot say: kind, dtype, shape and payload size agree. */
function checkPayload(header: FrameHeader, payloadBytes: number, { maxPayloadBytes }: FrameLimits): void {
  const { kind, dtype, shape } = header
  const limits = { control: maxControlBytes, handover: maxHandoverFrameBytes }
  const limit = kind in limits ? limits[kind as keyof typeof limits] : (maxPayloadBytes ?? defaultMaxPayloadBytes)
  if (payloadBytes > limit) throw tooLarge('payload', payloadBytes, limit)
  if (!(dtypesOf[kind] as readonly string[]).includes(dtype)) throw invalid(`a ${kind} frame cannot be ${dtype}`)
  // A scalar's empty shape counts one element; a product beyond 2^53 is far from any payload, so its rounding is harmless.
  const elements = shape.reduce((product, size) => product * size, 1)
  if (elements * bytesPerElement[dtype] !== payloadBytes) {
    throw invalid(
      `shape [${shape.join(', ')}] of ${dtype} takes ${elements * bytesPerElement[dtype]} bytes, the payload has ${payloadBytes}`,
    )
  }
  if (kind === 'token') checkTokens(header, elements)
  const misplaced = misplacedIn[kind].find(field => header[field] !== undefined)
  if (misplaced !== undefined) throw invalid(`a ${kind} frame has no ${misplaced}`)
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

function parseJson<S extends z.ZodType>(bytes: Uint8Array, schema: S, what: string): z.infer<S> {
  let json: unknown
  try {
    json = JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw invalid(`its ${what} is not JSON in UTF-8`, cause)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
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
