import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { float16Bits, float16Value } from './float16.ts'
import { dequantiseQ4, dequantiseQ8, quantiseQ4, quantiseQ8 } from './quantise.ts'

/** Two blocks whose magnitudes range from far under f16's subnormals to large weights. */
const weights = fc
  .tuple(
    fc.array(fc.float({ noNaN: true, min: -1, max: 1 }), { minLength: 64, maxLength: 64 }),
    fc.integer({ min: -30, max: 12 }),
  )
  .map(([values, exponent]) => Float32Array.from(values, value => value * 2 ** exponent))

const peakOf = (values: Float32Array) => values.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0)

describe('quantisers', () => {
  it('give back exactly what already lies on their grid', () => {
    fc.assert(
      fc.property(weights, values => {
        const q8 = quantiseQ8(values)
        expect(quantiseQ8(dequantiseQ8(q8))).toEqual(q8)
        const q4 = quantiseQ4(values)
        expect(quantiseQ4(dequantiseQ4(q4))).toEqual(q4)
      }),
      { numRuns: 2000 },
    )
  })

  it('err by no more than half a step of q8, and one step of q4', () => {
    fc.assert(
      fc.property(weights, values => {
        const [q8, q4] = [dequantiseQ8(quantiseQ8(values)), dequantiseQ4(quantiseQ4(values))]
        for (let block = 0; block < 2; block++) {
          const slice = values.subarray(32 * block, 32 * block + 32)
          const peak = peakOf(slice)
          // Scales are f16: 2^-11 of relative error, and a floor of 2^-24 where they are subnormal.
          const scaleError = 2 ** -11 * peak + 130 * 2 ** -24
          slice.forEach((value, i) => {
            const at = 32 * block + i
            expect(Math.abs(q8[at]! - value)).toBeLessThanOrEqual(peak / 254 + scaleError)
            expect(Math.abs(q4[at]! - value)).toBeLessThanOrEqual(peak / 8 + scaleError)
          })
        }
      }),
      { numRuns: 500 },
    )
  })

  it('choose the scales that the format states', () => {
    const block = Float32Array.from({ length: 32 }, (_, i) => (i === 3 ? -4 : i / 100))
    const q8 = quantiseQ8(block)
    expect(float16Value(q8.scale[0]! | (q8.scale[1]! << 8))).toBe(float16Value(float16Bits(4 / 127)))
    expect(q8.data[3]).toBe(128 - 127)
    const q4 = quantiseQ4(block)
    expect(float16Value(q4.scale[0]! | (q4.scale[1]! << 8))).toBe(0.5)
    // Weight 3 is the high nibble of byte 1; its value -8 is stored as 0.
    expect(q4.data[1]! >>> 4).toBe(0)
  })
})

describe('float16', () => {
  it('rounds every pattern back to itself, and halves to even', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = float16Value(bits)
      if (!Number.isNaN(value)) expect(float16Bits(value)).toBe(bits)
    }
    expect(float16Bits(1 + 2 ** -11)).toBe(float16Bits(1))
    expect(float16Bits(1 + 3 * 2 ** -11)).toBe(float16Bits(1 + 2 ** -9))
    expect(float16Bits(2 ** -25)).toBe(0)
    expect(float16Bits(2 ** -25 * 1.01)).toBe(1)
    expect(float16Bits(65519)).toBe(0x7bff)
    expect(float16Bits(65520)).toBe(0x7c00)
  })
})
