import { describe, expect, it, test } from 'vitest'
import vectors from '../../vectors/original-frames.json' with { type: 'json' }
import { ComputePoolError } from '../errors/index.ts'
import type { Activation } from '../ports/index.ts'
import {
  decodeOriginalFrame,
  encodeOriginalEnd,
  encodeOriginalHidden,
  encodeOriginalToken,
  maxOriginalPayloadBytes,
} from './index.ts'

const fromHex = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], byte => Number.parseInt(byte, 16))
const toHex = (bytes: Uint8Array): string => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return error instanceof ComputePoolError ? error.code : String(error)
  }
  return 'no error'
}

const { hidden, token, end } = vectors
const activation: Activation = { dtype: 'f32', tokens: hidden.tokens, hidden: hidden.hidden, data: fromHex(hidden.f32) }

describe('golden frames', () => {
  test('an activation in f32 is written as bfloat16, ties to even', () => {
    expect(toHex(encodeOriginalHidden({ ...hidden, activation }))).toBe(hidden.hex)
  })

  test('an activation that is bfloat16 already is written as it is', () => {
    const already: Activation = { ...activation, dtype: 'bf16', data: fromHex(hidden.bf16) }
    expect(toHex(encodeOriginalHidden({ ...hidden, activation: already }))).toBe(hidden.hex)
  })

  test('an activation is read back with its rows', () => {
    expect(decodeOriginalFrame(fromHex(hidden.hex))).toEqual({
      kind: 'hidden',
      requestId: 'r1',
      seq: 0,
      temperature: 0,
      activation: { dtype: 'bf16', tokens: 2, hidden: 3, data: fromHex(hidden.bf16) },
    })
  })

  test('a token and an end, both ways', () => {
    expect(toHex(encodeOriginalToken(token.requestId, token.seq, token.token))).toBe(token.hex)
    expect(decodeOriginalFrame(fromHex(token.hex))).toEqual({ kind: 'token', requestId: 'r1', seq: 0, token: 1234 })
    expect(toHex(encodeOriginalEnd(end.requestId, end.seq))).toBe(end.hex)
    expect(decodeOriginalFrame(fromHex(end.hex))).toEqual({ kind: 'end', requestId: 'r1', seq: 1 })
  })
})

it.each(vectors.accepted)('$name is read', ({ hex, kind }) => {
  expect(decodeOriginalFrame(fromHex(hex))).toMatchObject({ kind, requestId: 'r1' })
})

it.each(vectors.invalid)('$name is refused with $code', ({ hex, code }) => {
  expect(codeOf(() => decodeOriginalFrame(fromHex(hex)))).toBe(code)
})

describe('what the writers refuse', () => {
  test('an activation of other sizes than it says', () => {
    const short: Activation = { ...activation, dtype: 'bf16', data: new Uint8Array(10) }
    expect(codeOf(() => encodeOriginalHidden({ ...hidden, activation: short }))).toBe('peer_frame_invalid')
  })

  test('a frame that AXL cannot carry in one message', () => {
    const tokens = Math.floor(maxOriginalPayloadBytes / 2048) + 1
    const large: Activation = { dtype: 'bf16', tokens, hidden: 1024, data: new Uint8Array(tokens * 2048) }
    expect(codeOf(() => encodeOriginalHidden({ ...hidden, activation: large }))).toBe('peer_frame_too_large')
  })

  test('what is no token id', () => {
    expect(codeOf(() => encodeOriginalToken('r', 0, -1))).toBe('peer_frame_invalid')
  })
})
