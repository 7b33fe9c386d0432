import { describe, expect, it } from 'vitest'
import vectors from '../../vectors/frames.json' with { type: 'json' }
import { ComputePoolError } from '../errors/index.ts'
import type { FrameHeader } from './frame-header.ts'
import {
  decodeControl,
  decodeFrame,
  decodeTokens,
  encodeControl,
  encodeFrame,
  encodeTokens,
  fragmentFrame,
} from './index.ts'

const fromHex = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], byte => Number.parseInt(byte, 16))
const toHex = (bytes: Uint8Array): string => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

const hidden: FrameHeader = {
  request_id: 'r',
  kind: 'hidden',
  dtype: 'f32',
  shape: [2, 3],
  seq: 0,
  position: 0,
  epoch: 0,
}
const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return error instanceof ComputePoolError ? error.code : String(error)
  }
  return 'no error'
}

describe('golden frames', () => {
  it.each(vectors.frames.map(entry => [entry.name, entry] as const))('%s', (_, { header, payload, hex }) => {
    const frame = { header: header as unknown as FrameHeader, payload: fromHex(payload) }
    expect(toHex(encodeFrame(frame))).toBe(hex)
    const decoded = decodeFrame(fromHex(hex))
    expect(decoded.header).toEqual(header)
    expect(toHex(decoded.payload)).toBe(payload)
  })

  it.each(vectors.invalid.map(entry => [entry.name, entry] as const))('%s is refused', (_, { hex, code }) => {
    expect(codeOf(() => decodeFrame(fromHex(hex)))).toBe(code)
  })

  it('cuts into the golden fragments', () => {
    const { frameId, maxBytes, hex, frame } = vectors.fragments
    const bytes = fromHex(vectors.frames.find(entry => entry.name === frame)?.hex ?? '')
    expect(fragmentFrame(bytes, { frameId, maxBytes }).map(toHex)).toEqual(hex)
  })

  it('reads the tokens and the control message inside', () => {
    const accepted = vectors.frames.find(entry => entry.name === 'tokens-of-an-accepted-draft')
    const plain = (token: number) => ({ token, logprob: null, topLogprobs: [] })
    expect(decodeTokens(decodeFrame(fromHex(accepted?.hex ?? '')))).toEqual([4, 9, 1234].map(plain))
    const token = vectors.frames.find(entry => entry.name === 'token')
    const failed = vectors.frames.find(entry => entry.name === 'control-failed')
    expect(decodeTokens(decodeFrame(fromHex(token?.hex ?? ''))).map(({ token: id }) => id)).toEqual([1234])
    expect(decodeControl(decodeFrame(fromHex(failed?.hex ?? '')))).toMatchObject({
      type: 'failed',
      code: 'engine_out_of_memory',
    })
  })
})

describe('a decoded frame', () => {
  it('shares its payload with the bytes that arrived, aligned for 64-bit reads', () => {
    const bytes = encodeFrame({ header: { ...hidden, request_id: 'any length' }, payload: new Uint8Array(24) })
    const { payload } = decodeFrame(bytes)
    expect(payload.buffer).toBe(bytes.buffer)
    expect(payload.byteOffset % 8).toBe(0)
  })

  it.each([
    ['a letter beyond ASCII', { request_id: 'ü' }],
    ['a long header', { prompt_tokens: new Array<number>(3000).fill(7) }],
  ])('reads as it was written, with %s', (_, fields) => {
    const frame = { header: { ...hidden, ...fields }, payload: new Uint8Array(24).fill(9) }
    const bytes = encodeFrame(frame)
    const json = new TextEncoder().encode(JSON.stringify(frame.header))
    expect(toHex(bytes.subarray(4, 4 + json.length))).toBe(toHex(json))
    expect(decodeFrame(bytes)).toEqual(frame)
  })

  it('has tokens beyond 32 bits', () => {
    const tokens = [2 ** 32 - 1, 2 ** 32, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER]
    const header: FrameHeader = { ...hidden, kind: 'token', dtype: 'int64', shape: [4] }
    const payload = encodeTokens(tokens)
    const view = new DataView(payload.buffer)
    expect(tokens.map((_, i) => view.getBigInt64(8 * i, true))).toEqual(tokens.map(BigInt))
    expect(decodeTokens({ header, payload }).map(({ token }) => token)).toEqual(tokens)
  })

  it('lets go of a long header', () => {
    const prompt = new Array<number>(10_000).fill(7)
    const bytes = encodeFrame({ header: { ...hidden, prompt_tokens: prompt }, payload: new Uint8Array(24) })
    expect(decodeFrame(bytes).payload.buffer.byteLength).toBe(24)
  })

  it('has position 0 and epoch 0 where the header left them out', () => {
    const json = new TextEncoder().encode('{"request_id":"r","kind":"token","dtype":"int64","shape":[1],"seq":0}')
    const bytes = new Uint8Array(4 + json.length + 8)
    bytes[0] = json.length
    bytes.set(json, 4)
    expect(decodeFrame(bytes).header).toMatchObject({ position: 0, epoch: 0 })
  })
})

describe('what encodeFrame refuses', () => {
  it('a payload that is not shape times dtype', () => {
    expect(codeOf(() => encodeFrame({ header: hidden, payload: new Uint8Array(23) }))).toBe('peer_frame_invalid')
  })

  it('a payload over the limit, with both sizes in the context', () => {
    const frame = { header: hidden, payload: new Uint8Array(24) }
    expect(() => encodeFrame(frame, { maxPayloadBytes: 23 })).toThrow('24 bytes, the limit is 23')
    expect(codeOf(() => decodeFrame(encodeFrame(frame), { maxPayloadBytes: 23 }))).toBe('peer_frame_too_large')
  })

  it.each([
    ['prompt_tokens', { prompt_tokens: [1] }],
    ['generated_tokens', { generated_tokens: [1] }],
    ['reuse', { reuse: { requestId: 'a', positions: 1 } }],
    ['sample', { sample: true }],
  ])('%s beside tokens or a control message', (_, fields) => {
    const token: FrameHeader = { ...hidden, kind: 'token', dtype: 'int64', shape: [1], ...fields }
    expect(codeOf(() => encodeFrame({ header: token, payload: encodeTokens([1]) }))).toBe('peer_frame_invalid')
    const { payload, ...described } = encodeControl({ type: 'end' })
    expect(codeOf(() => encodeFrame({ header: { ...hidden, ...described, ...fields }, payload }))).toBe(
      'peer_frame_invalid',
    )
  })

  it('log-probabilities beside an activation', () => {
    const sampled = { token: 1, logprob: null, topLogprobs: [] }
    expect(codeOf(() => encodeFrame({ header: { ...hidden, sampled }, payload: new Uint8Array(24) }))).toBe(
      'peer_frame_invalid',
    )
  })

  it('a token that is not a whole number from 0', () => {
    expect(codeOf(() => encodeTokens([-1]))).toBe('peer_frame_invalid')
    expect(codeOf(() => encodeTokens([0.5]))).toBe('peer_frame_invalid')
  })

  it('a control message too long to be one', () => {
    const { payload, ...rest } = encodeControl({
      type: 'failed',
      code: 'x',
      message: 'm'.repeat(20_000),
      remedy: '',
      seat: 0,
    })
    expect(codeOf(() => encodeFrame({ header: { ...hidden, ...rest }, payload }))).toBe('peer_frame_too_large')
  })
})

describe('a piece of what is handed over for a check', () => {
  const piece: FrameHeader = { ...hidden, request_id: 'audit:00', kind: 'handover', dtype: 'bytes', shape: [5] }
  const payload = Uint8Array.of(1, 2, 3, 4, 5)
  it('reads as it was written', () => {
    const header: FrameHeader = { ...piece, as: 'sent', last: true }
    expect(decodeFrame(encodeFrame({ header, payload }))).toEqual({ header, payload })
  })
  it('carries nothing of a request, and a request nothing of it', () => {
    expect(codeOf(() => encodeFrame({ header: { ...piece, sample: true }, payload }))).toBe('peer_frame_invalid')
    expect(codeOf(() => encodeFrame({ header: { ...piece, trace: [] }, payload }))).toBe('peer_frame_invalid')
    const whole = new Uint8Array(24)
    expect(codeOf(() => encodeFrame({ header: { ...hidden, last: true }, payload: whole }))).toBe('peer_frame_invalid')
  })
  it('has at most 256 KiB', () => {
    const most = 256 << 10
    const of = (size: number) => ({ header: { ...piece, shape: [size] }, payload: new Uint8Array(size) })
    expect(codeOf(() => encodeFrame(of(most)))).toBe('no error')
    expect(codeOf(() => encodeFrame(of(most + 1)))).toBe('peer_frame_too_large')
  })
})

describe('what the payload readers refuse', () => {
  const token = (payload: Uint8Array, extra: Partial<FrameHeader> = {}) =>
    decodeFrame(encodeFrame({ header: { ...hidden, kind: 'token', dtype: 'int64', shape: [1], ...extra }, payload }))

  it('a negative token', () => {
    expect(codeOf(() => decodeTokens(token(new Uint8Array(8).fill(255))))).toBe('peer_frame_invalid')
  })

  it('a token that no number holds exactly', () => {
    // 2^53
    expect(codeOf(() => decodeTokens(token(Uint8Array.of(0, 0, 0, 0, 0, 0, 32, 0))))).toBe('peer_frame_invalid')
    expect(decodeTokens(token(Uint8Array.of(255, 255, 255, 255, 255, 255, 31, 0)))[0]!.token).toBe(2 ** 53 - 1)
  })

  it('a token that differs from the one its header reports', () => {
    const sampled = { token: 6, logprob: null, topLogprobs: [] }
    expect(codeOf(() => decodeTokens(token(encodeTokens([5]), { sampled })))).toBe('peer_frame_invalid')
    expect(decodeTokens(token(encodeTokens([6]), { sampled }))).toEqual([sampled])
    const list = [sampled, { ...sampled, token: 7 }]
    const several = (tokens: number[]) => token(encodeTokens(tokens), { shape: [2], sampled_list: list })
    expect(codeOf(() => decodeTokens(several([6, 8])))).toBe('peer_frame_invalid')
    expect(decodeTokens(several([6, 7]))).toEqual(list)
  })

  it('a control message of an unknown type', () => {
    const payload = new TextEncoder().encode('{"type":"explode"}')
    const frame = decodeFrame(
      encodeFrame({ header: { ...hidden, kind: 'control', dtype: 'json', shape: [payload.length] }, payload }),
    )
    expect(codeOf(() => decodeControl(frame))).toBe('peer_frame_invalid')
  })

  it('a frame of another kind', () => {
    const frame = { header: hidden, payload: new Uint8Array(24) }
    expect(codeOf(() => decodeTokens(frame))).toBe('peer_frame_invalid')
    expect(codeOf(() => decodeControl(frame))).toBe('peer_frame_invalid')
  })
})
