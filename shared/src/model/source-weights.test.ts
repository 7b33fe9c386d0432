import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { float16Bits } from './float16.ts'
import { dequantiseQ4, dequantiseQ8 } from './quantise.ts'
import { splitRotaryRows } from './source-tensors.ts'
import { decodeWeights, encodeWeights, sourceBytes } from './source-weights.ts'

const f16 = (value: number) => [float16Bits(value) & 255, float16Bits(value) >>> 8]

/** Blocks of any bytes whose scales are finite. */
const blocks = (bytesPerBlock: number) =>
  fc
    .array(
      fc.tuple(
        fc.float({ noNaN: true, min: -8, max: 8 }),
        fc.uint8Array({ minLength: bytesPerBlock, maxLength: bytesPerBlock }),
      ),
      {
        minLength: 1,
        maxLength: 4,
      },
    )
    .map(list => Uint8Array.from(list.flatMap(([scale, values]) => [...f16(scale), ...values])))
// A negative scale makes -0 of a zero; the two are one number.
const numbers = (values: Float32Array) => Array.from(values, value => value + 0)

describe('stored weights', () => {
  it('decode as GGML lays them out', () => {
    const values = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 128 : i === 1 ? 255 : i))
    const q8 = decodeWeights('Q8_0', Uint8Array.from([...f16(0.5), ...values]))
    expect([...q8.subarray(0, 4)]).toEqual([-64, -0.5, 1, 1.5])
    // Byte i holds weight i in its low and weight i + 16 in its high nibble.
    const nibbles = Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? 0xf0 : 0x88))
    const q4 = decodeWeights('Q4_0', Uint8Array.from([...f16(2), ...nibbles]))
    expect([q4[0], q4[1], q4[16], q4[17]]).toEqual([-16, 0, 14, 0])
    const q41 = decodeWeights('Q4_1', Uint8Array.from([...f16(2), ...f16(-1), ...nibbles]))
    expect([q41[0], q41[1], q41[16], q41[17]]).toEqual([-1, 15, 29, 15])
  })

  it('decode wherever they lie in a buffer', () => {
    const bytes = Uint8Array.from([9, 0, 60, 0, 192, 0, 0, 128, 63])
    expect([...decodeWeights('F16', bytes.subarray(1, 5))]).toEqual([1, -2])
    expect([...decodeWeights('BF16', bytes.subarray(7, 9))]).toEqual([1])
    expect([...decodeWeights('F32', bytes.subarray(5, 9))]).toEqual([1])
  })

  it('keep every weight of Q8_0 in q8, and of Q4_0 in q4 and in q8', () => {
    fc.assert(
      fc.property(blocks(32), bytes => {
        const { data, scale } = encodeWeights('Q8_0', bytes, 'q8', 'w')
        expect(numbers(dequantiseQ8({ data, scale: scale! }))).toEqual(numbers(decodeWeights('Q8_0', bytes)))
      }),
    )
    fc.assert(
      fc.property(blocks(16), bytes => {
        const expected = numbers(decodeWeights('Q4_0', bytes))
        const q4 = encodeWeights('Q4_0', bytes, 'q4', 'w')
        expect(numbers(dequantiseQ4({ data: q4.data, scale: q4.scale! }))).toEqual(expected)
        const q8 = encodeWeights('Q4_0', bytes, 'q8', 'w')
        expect(numbers(dequantiseQ8({ data: q8.data, scale: q8.scale! }))).toEqual(expected)
      }),
    )
  })

  it.each([
    ['F32', [0, 0, 192, 127], 'f32', /"w" holds NaN/],
    ['F16', [0, 124], 'f16', /"w" holds Infinity/],
    ['F32', [0, 0, 0, 72], 'f16', /"w" holds 131072, which a f16 pack/],
    ['Q8_0', [0, 124, ...new Array(32).fill(1)], 'q8', /"w" holds -?Infinity/],
  ] as const)('are refused where a pack cannot hold them: %s %j in %s', (type, bytes, dtype, message) => {
    expect(() => encodeWeights(type, Uint8Array.from(bytes), dtype, 'w')).toThrowError(
      expect.objectContaining({
        code: 'artifact_invalid',
        message: expect.stringMatching(message),
        context: { tensor: 'w' },
      }),
    )
  })

  it('fill whole blocks or none', () => {
    expect(sourceBytes('Q8_0', 64)).toBe(68)
    expect(sourceBytes('Q4_1', 63)).toBeNull()
    expect(sourceBytes('BF16', 3)).toBe(6)
  })
})

it('rotary rows come apart into halves, head by head', () => {
  // Two heads of four rows, one byte a row: x0 y0 x1 y1.
  expect([...splitRotaryRows(Uint8Array.of(1, 11, 2, 12, 3, 13, 4, 14), 8, 4)]).toEqual([1, 2, 11, 12, 3, 4, 13, 14])
})
