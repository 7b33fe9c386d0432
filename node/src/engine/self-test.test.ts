import { activationFromValues, activationValues } from '@computepool/shared/engine'
import type { LayerRange, Manifest, SelfTestGolden } from '@computepool/shared/model'
import type { Engine } from '@computepool/shared/ports'
import { selfTest, selfTestTolerance } from '@computepool/shared/selftest'
import { randomPack } from '@computepool/shared/testing'
import { beforeAll, expect, test } from 'vitest'
import { computeGoldens, type Goldens } from './compute-goldens.ts'
import { openNativeEngine } from './open-native-engine.ts'

const pack = randomPack({ architecture: 'qwen3', quantisation: 'q8' })
const { manifest, parts } = pack
const noFile = { path: 'golden.bin', sizeBytes: 1, sha256: '0'.repeat(64) }
let goldens: Goldens
/** The goldens as a pack may store them: f16, which rounds each value by 5e-4 at most. */
let stored: readonly Uint8Array[]
let golden: SelfTestGolden

beforeAll(async () => {
  goldens = await computeGoldens({ manifest, parts })
  stored = goldens.boundaries.map(values => activationFromValues(values, manifest.dimensions.hidden, 'f16').data)
  golden = {
    tokens: [...goldens.tokens],
    dtype: 'f16',
    boundaries: goldens.boundaries.map(() => noFile),
    argmax: [...goldens.argmax],
    source: goldens.source,
  }
})

function open(layers: LayerRange, of: Manifest = manifest): Promise<Engine> {
  return openNativeEngine({ manifest: of, parts, layers, kvBudgetBytes: 2 ** 26, maxContext: 128 }, { threads: 1 })
}
const take = async (engine: Engine) => {
  const outcome = await selfTest({ engine, manifest, golden, readBoundary: async i => stored[i]! })
  await engine.close()
  return outcome
}

/** `engine`, but what it gives out goes through `corrupt`: values [tokens, hidden] of one row. */
function corrupted(engine: Engine, corrupt: (values: Float32Array, hidden: number) => void): Engine {
  return {
    ...engine,
    async run(rows) {
      const outputs = await engine.run(rows)
      return outputs.map(output => {
        if (output.kind !== 'activation') return output
        const { hidden, dtype } = output.activation
        const values = activationValues(output.activation).slice()
        corrupt(values, hidden)
        return { kind: 'activation', activation: activationFromValues(values, hidden, dtype) }
      })
    },
  }
}

test.each([
  { start: 0, end: 4 },
  { start: 0, end: 2 },
  { start: 1, end: 3 },
  { start: 2, end: 4 },
])('layers $start to $end of a right engine pass', async layers => {
  const outcome = await take(await open(layers))
  expect(outcome).toMatchObject({ ok: true, report: { positions: 64 } })
  expect(outcome.report.worstError).toBeLessThan(selfTestTolerance.f32 / 5)
  expect(outcome.report.tokensAsked).toBe(layers.end === 4 ? outcome.report.chunks.length : 0)
})

test('an engine in f16 passes with room to spare', async () => {
  const slice = { manifest, parts, layers: { start: 0, end: 3 }, kvBudgetBytes: 2 ** 26, maxContext: 128 }
  const outcome = await take(await openNativeEngine(slice, { threads: 1, float: 'f16' }))
  expect(outcome.ok).toBe(true)
  // Measured 5.2e-3.
  expect(outcome.report.worstError).toBeLessThan(selfTestTolerance.f16 / 5)
})

test('an engine that is wrong from row 4 on in chunks of 32 and more is refused', async () => {
  const engine = corrupted(await open({ start: 1, end: 3 }), (values, hidden) => {
    const rows = values.length / hidden
    if (rows >= 32) for (let i = 4 * hidden; i < values.length; i++) values[i]! *= 1.4
  })
  const outcome = await take(engine)
  expect(outcome).toMatchObject({ ok: false, error: { code: 'engine_self_test_failed' } })
  expect(outcome.report.worstPosition).toBeGreaterThanOrEqual(4)
})

test('an engine that is wrong only when it decodes is refused', async () => {
  const engine = corrupted(await open({ start: 0, end: 2 }), (values, hidden) => {
    if (values.length === hidden) values[0]! += 1
  })
  expect(await take(engine)).toMatchObject({ ok: false, error: { code: 'engine_self_test_failed' } })
})

test.each([
  { layers: { start: 1, end: 3 }, where: 'the middle' },
  { layers: { start: 1, end: 4 }, where: 'the exit' },
])('two layers swapped before $where are refused', async ({ layers }) => {
  const swap: Record<string, string> = { 'layer-1': 'layer-2', 'layer-2': 'layer-1' }
  const engine = await openNativeEngine({
    manifest,
    layers,
    kvBudgetBytes: 2 ** 26,
    maxContext: 128,
    parts: {
      open: part => parts.open(manifest.parts.find(({ name }) => name === (swap[part.name] ?? part.name))!),
    },
  })
  expect(await take(engine)).toMatchObject({ ok: false, error: { code: 'engine_self_test_failed' } })
})

test('an engine that gives NaN is refused', async () => {
  const engine = corrupted(await open({ start: 0, end: 2 }), values => {
    values[values.length - 1] = Number.NaN
  })
  expect(await take(engine)).toMatchObject({ ok: false, report: { worstError: Number.POSITIVE_INFINITY } })
})
