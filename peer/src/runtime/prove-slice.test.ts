import { activationFromValues } from '@computepool/shared/engine'
import type { Manifest } from '@computepool/shared/model'
import type { Engine, EngineOutput } from '@computepool/shared/ports'
import { fakeManifest } from '@computepool/shared/testing'
import { expect, test } from 'vitest'
import { proveSlice } from './prove-slice.ts'

const layers = { start: 1, end: 2 }
const hidden = 8
const positions = 20
const values = Float32Array.from({ length: positions * hidden }, (_, i) => Math.sin(i + 1))
const bytes = activationFromValues(values, hidden, 'f32').data

/** A layer that gives out what it was given. */
const engine: Engine = {
  facts: { kind: 'wasm', device: 'a test', activationDtype: 'f32', isSoftware: true, maxChunk: 16, maxRows: 1 },
  layers,
  run: async rows =>
    rows.map(({ input }): EngineOutput => {
      if (!('activation' in input)) throw new Error('a middle slice was given tokens')
      return { kind: 'activation', activation: input.activation }
    }),
  drawFrom: async () => [],
  logitsOf: async () => new Float32Array(),
  forget: () => {},
  keep: () => {},
  memory: () => ({ weightsBytes: 0, kvBytes: 0, kvBudgetBytes: 0, requests: 0, keptBytes: 0 }),
  lost: new Promise(() => {}),
  close: async () => {},
}
const manifest: Manifest = {
  ...fakeManifest(),
  selfTest: {
    tokens: Array.from({ length: positions }, () => 1),
    dtype: 'f32',
    boundaries: Array.from({ length: 7 }, (_, n) => ({
      path: `${n}.f32`,
      sizeBytes: bytes.length,
      sha256: '0'.repeat(64),
    })),
    argmax: Array.from({ length: positions }, () => 1),
    source: 'a test',
  },
}
const proof = (after: Uint8Array) =>
  proveSlice({ engine, manifest, layers, readFile: async file => (file.path === '2.f32' ? after : bytes) })

test('a slice that gives the golden activations comes past', async () => {
  await expect(proof(bytes)).resolves.toBeUndefined()
})

test('a slice that gives others does not, and hears which position gave it away', async () => {
  const others = values.slice()
  others[5 * hidden]! += 1
  await expect(proof(activationFromValues(others, hidden, 'f32').data)).rejects.toMatchObject({
    code: 'engine_self_test_failed',
    message: expect.stringContaining('position 5'),
  })
})

test('a pack without goldens proves nothing, and is not refused for it', async () => {
  const bare = { ...manifest, selfTest: null }
  const readFile = () => Promise.reject(new Error('nothing is to be read'))
  await expect(proveSlice({ engine, manifest: bare, layers, readFile })).resolves.toBeUndefined()
})
