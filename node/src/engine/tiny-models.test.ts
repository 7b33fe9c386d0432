/** The packer and the native engine together against the reference implementation, for each architecture and encoding. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { activationValues, noExpansion, openExitHead } from '@computepool/shared/engine'
import type { LayerRange, Manifest, Quantisation } from '@computepool/shared/model'
import { greedy } from '@computepool/shared/pipeline'
import type { Activation, Engine, SliceRequest } from '@computepool/shared/ports'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packModel } from '../pack/pack-model.ts'
import { createNativeRuntime } from './native-runtime.ts'
import { openNativeEngine } from './open-native-engine.ts'
import { packFolderParts } from './pack-folder-parts.ts'

const tiny = fileURLToPath(new URL('../../../models/tiny', import.meta.url))

interface TinyCase {
  readonly name: string
  readonly source: string
  readonly golden: string
  readonly quantisation: Quantisation
}

const plain = (name: string): TinyCase => ({ name, source: name, golden: `${name}/golden.json`, quantisation: 'f32' })
const cases: TinyCase[] = [
  plain('llama'),
  plain('llama3'),
  plain('qwen2'),
  plain('qwen3'),
  // A GGUF of the same type as the pack is repacked without loss, so its own golden holds.
  { name: 'qwen3 q8', source: 'qwen3/model-q8_0.gguf', golden: 'qwen3/golden-q8_0.json', quantisation: 'q8' },
  { name: 'llama q4', source: 'llama/model-q4_0.gguf', golden: 'llama/golden-q4_0.json', quantisation: 'q4' },
]

interface Golden {
  readonly tokens: number[]
  readonly logits: number[]
  readonly argmax: number[]
  readonly argmaxMargins: number[]
  readonly greedy: number[]
  /** First 8 values of the last position's hidden state entering layer n. */
  readonly boundaries: Readonly<Record<string, number[]>>
}

/** Measured 1.4e-5 at most over all cases: f32 sums in another order than PyTorch's. */
const logitTolerance = 2e-4

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'computepool-tiny-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.each(cases)('$name', ({ name, source, golden: goldenPath, quantisation }) => {
  let manifest: Manifest
  let golden: Golden
  let outDir: string
  beforeAll(async () => {
    outDir = path.join(folder, name)
    golden = JSON.parse(await readFile(path.join(tiny, goldenPath), 'utf8'))
    const tokenizer = path.join(tiny, 'llama')
    const packed = await packModel({ source: path.join(tiny, source), outDir, quantisation, tokenizer })
    manifest = packed.manifest
  })
  const slice = (layers: LayerRange, of: Manifest = manifest): SliceRequest => ({
    manifest: of,
    layers,
    parts: packFolderParts(outDir),
    kvBudgetBytes: 2 ** 26,
    maxContext: 128,
  })
  const open = (layers: LayerRange, of?: Manifest) => openNativeEngine(slice(layers, of), { threads: 1 })

  test.each([{ cuts: [0, 3] }, { cuts: [0, 1, 3] }])('logits over $cuts', async ({ cuts }) => {
    // As the middle of a deeper model the last slice gives out what its head would read.
    const deeper = { ...manifest, dimensions: { ...manifest.dimensions, layers: 4 } }
    const route = await Promise.all(cuts.slice(1).map((end, i) => open({ start: cuts[i]!, end }, deeper)))
    const boundary = await lastBoundary(route, golden.tokens)
    const { hidden } = manifest.dimensions
    const values = activationValues(boundary).subarray(-hidden)
    const seen = golden.boundaries['3']!
    expect(largestDifference(values.subarray(0, seen.length), seen)).toBeLessThan(logitTolerance)
    const runtime = createNativeRuntime({ provider: 'cpu', threads: 1, expansion: noExpansion, float: 'f32' })
    const head = await openExitHead(slice({ start: 2, end: 3 }), runtime)
    const logits = await head.logits(runtime.floatTensor(boundary.data, [1, boundary.tokens, hidden]))
    expect(largestDifference((await logits.getData()) as Float32Array, golden.logits)).toBeLessThan(logitTolerance)
    for (const engine of route) await engine.close()
    await head.close()
  })

  test('greedy text', async () => {
    const engine = await open({ start: 0, end: 3 })
    const text: number[] = []
    let position = 0
    let tokens: readonly number[] = golden.tokens
    while (text.length < golden.greedy.length) {
      const sample = { params: greedy, generated: [], prompt: [] }
      const [output] = await engine.run([{ requestId: 'r', position, input: { tokens }, sample }])
      if (output?.kind === 'token') text.push(output.sampled.token)
      position += tokens.length
      tokens = text.slice(-1)
    }
    expect(text).toEqual(golden.greedy)
    await engine.close()
  })

  test.each([0, 2, 5])('greedy text, eight guesses a step of which number %i is wrong', async wrongAt => {
    const engine = await open({ start: 0, end: 3 })
    const text: number[] = []
    let tokens: readonly number[] = golden.tokens
    while (text.length < golden.greedy.length) {
      const draft = golden.greedy.slice(text.length, text.length + 8).map((token, i) => (i === wrongAt ? 0 : token))
      const position = text.length === 0 ? 0 : golden.tokens.length + text.length - 1
      const sample = { params: greedy, generated: [], prompt: [], draft }
      const input = { tokens: [...tokens, ...draft] }
      const [output] = await engine.run([{ requestId: 'r', position, input, sample }])
      if (output?.kind !== 'tokens') throw new Error(`expected tokens, got ${output?.kind}`)
      text.push(...output.sampled.map(({ token }) => token))
      tokens = text.slice(-1)
    }
    expect(text.slice(0, golden.greedy.length)).toEqual(golden.greedy)
    await engine.close()
  })
})

/** What leaves the last engine of a route for `tokens` at once. */
async function lastBoundary(route: readonly Engine[], tokens: readonly number[]): Promise<Activation> {
  let input: { tokens: readonly number[] } | { activation: Activation } = { tokens }
  for (const engine of route) {
    const [output] = await engine.run([{ requestId: 'r', position: 0, input, sample: null }])
    if (output?.kind === 'activation') input = { activation: output.activation }
  }
  if ('tokens' in input) throw new Error('the route gave no activation')
  return input.activation
}

function largestDifference(actual: Float32Array, expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length)
  return Math.max(...expected.map((value, i) => Math.abs(value - actual[i]!)))
}
