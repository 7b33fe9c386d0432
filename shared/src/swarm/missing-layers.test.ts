import { expect, test } from 'vitest'
import { missingLayersInWords } from './missing-layers.ts'

const seat = (start: number, end: number, status: 'ready' | 'loading' | 'draining' = 'ready') => ({
  seat: 0,
  peer: '',
  layers: { start, end },
  engine: 'wasm' as const,
  device: '',
  status,
  progress: null,
  msPerLayer: 0,
  computeMs: null,
  linkRttMs: null,
  linkKind: null,
  linkBytesPerSecond: null,
})

test.each([
  ['', [seat(0, 3), seat(3, 6)]],
  ['', [seat(0, 3), seat(3, 6, 'draining')]],
  ['Layers 0–5 are missing.', []],
  ['Layer 5 is missing.', [seat(0, 5), seat(5, 6, 'loading')]],
  // Two seats that load side by side are one gap.
  ['Layers 0–3 and 5 are missing.', [seat(0, 2, 'loading'), seat(2, 4, 'loading'), seat(4, 5)]],
  ['Layers 0, 2 and 4–5 are missing.', [seat(1, 2), seat(3, 4)]],
])('"%s"', (words, seats) => {
  expect(missingLayersInWords({ seats, layers: 6 })).toBe(words)
})
