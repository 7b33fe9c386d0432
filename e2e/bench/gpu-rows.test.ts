import { randomPack } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { gpuRows, qwen4bShape, weightBytesPerToken } from './gpu-rows.ts'

const { manifest } = randomPack(qwen4bShape)
const engine = {
  kind: 'webgpu',
  device: 'a card',
  isSoftware: false,
  activationDtype: 'f16',
  maxChunk: 256,
  maxRows: 1,
} as const

it('counts each weight of Qwen3-4B once: q4 layers and a q8 head, no embedding', () => {
  const perLayer = (32 + 2 * 8) * 128 * 2560 + 2560 * 32 * 128 + 3 * 9728 * 2560
  const q4Bytes = 36 * perLayer * (0.5 + 2 / 32)
  const q8Bytes = 151_936 * 2560 * (1 + 2 / 32)
  const counted = weightBytesPerToken(manifest)
  // Norms, and padding to 64 bytes, are all that is left.
  expect(counted).toBeGreaterThan(q4Bytes + q8Bytes)
  expect(counted).toBeLessThan((q4Bytes + q8Bytes) * 1.001)
})

it('turns a layer’s and the head’s milliseconds into tokens, bytes and a share', () => {
  const rows = gpuRows(manifest, [{ msPerLayer: 0.25, headMs: 1, engine }], 1000)
  expect(rows.map(row => row.unit)).toEqual(['tokens/s', 'GB/s', 'ratio'])
  const [tokens, read, share] = rows.map(row => row.median)
  expect(tokens).toBe(100)
  expect(read).toBeCloseTo(weightBytesPerToken(manifest) / 1e7, -1)
  expect(share).toBeCloseTo(read! / 1000, 3)
})

it('claims no share of a bandwidth that nobody told', () => {
  expect(gpuRows(manifest, [{ msPerLayer: 1, headMs: 1, engine }], null)).toHaveLength(2)
})
