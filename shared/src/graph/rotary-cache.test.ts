import { expect, test } from 'vitest'
import { rotaryCache, rotaryFrequencies } from './rotary-cache.ts'

test('frequencies fall from one by powers of theta', () => {
  const frequencies = rotaryFrequencies({ theta: 10_000, scaling: null }, 8)
  expect(Array.from(frequencies, value => Number(value.toFixed(6)))).toEqual([1, 0.1, 0.01, 0.001])
})

test('llama3 scaling leaves short wavelengths, divides long ones, and passes smoothly between', () => {
  // Llama 3.1's own numbers.
  const scaling = {
    type: 'llama3',
    factor: 8,
    lowFrequencyFactor: 1,
    highFrequencyFactor: 4,
    originalContext: 8192,
  } as const
  const plain = rotaryFrequencies({ theta: 500_000, scaling: null }, 128)
  const scaled = rotaryFrequencies({ theta: 500_000, scaling }, 128)
  const ratio = (i: number) => scaled[i]! / plain[i]!
  expect([ratio(0), ratio(20), ratio(63)]).toEqual([1, 1, 0.125])
  const between = Array.from(scaled.keys(), ratio).filter(value => value > 0.125 && value < 1)
  expect(between.length).toBeGreaterThan(2)
  expect(between).toEqual([...between].sort((a, b) => b - a))
})

test('far positions keep their digits', () => {
  const { cos, sin } = rotaryCache({ theta: 10_000, scaling: null }, 4, 32_000)
  const position = 31_999
  expect(cos[position * 2]).toBeCloseTo(Math.cos(position), 6)
  expect(sin[position * 2 + 1]).toBeCloseTo(Math.sin(position * 0.01), 6)
})
