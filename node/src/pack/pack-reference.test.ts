import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { tinyModels } from '../../testing/tiny-weights.ts'
import { computeGoldens } from '../engine/compute-goldens.ts'
import { packFolderParts } from '../engine/pack-folder-parts.ts'
import { packModel } from './pack-model.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pack-'))
})
afterAll(() => rm(root, { recursive: true }))

/** Two engines add the same f32 numbers in different orders; that makes differences of about 1e-5 here, a fault makes 1e-1. */
const TOLERANCE = 1e-3
const MARGIN = 0.05

// The whole way from a GGUF file to what a model computes: a row out of order, a wrong rotary base or a lost bias shows here. The engine's
// own tests cover safetensors and the types that pass without rounding.
it.each([
  ['llama', 'model-f16.gguf', 'f16', 'golden-f16.json'],
  ['llama', 'model-q4_1.gguf', 'f32', 'golden-q4_1.json'],
  ['llama3', 'model-f16.gguf', 'f32', 'golden-f16.json'],
  ['llama3', 'model-q8_0.gguf', 'q8', 'golden-q8_0.json'],
  ['qwen2', 'model-q8_0.gguf', 'q8', 'golden-q8_0.json'],
  ['qwen3', 'model-bf16.gguf', 'f32', 'golden-bf16.json'],
  ['qwen3', 'model-q4_1.gguf', 'f32', 'golden-q4_1.json'],
] as const)(
  '%s from %s, packed as %s, computes what transformers computes',
  async (model, file, quantisation, goldenFile) => {
    const folder = tinyModels + model
    const outDir = join(root, `${model}-${file}`)
    const tokenizer = model === 'llama3' || model === 'qwen2' ? `${tinyModels}llama` : undefined
    const { manifest } = await packModel({ source: `${folder}/${file}`, outDir, quantisation, tokenizer })
    const golden = JSON.parse(await readFile(`${folder}/${goldenFile}`, 'utf8'))
    const { boundaries, argmax } = await computeGoldens({
      manifest,
      parts: packFolderParts(outDir),
      tokens: golden.tokens,
    })

    for (const [n, boundary] of boundaries.entries()) {
      const last = boundary.subarray(-manifest.dimensions.hidden)
      const expected: number[] = golden.boundaries[n]
      expected.forEach((value, i) => {
        expect(Math.abs(last[i]! - value), `boundary ${n}, value ${i}`).toBeLessThan(TOLERANCE)
      })
    }
    const decided = golden.argmax.map((token: number, i: number) =>
      golden.argmaxMargins[i] > MARGIN ? token : argmax[i],
    )
    expect(argmax).toEqual(decided)
  },
)
