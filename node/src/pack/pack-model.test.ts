import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dequantiseQ4, dequantiseQ8, quantiseQ4, quantiseQ8 } from '@computepool/shared/model'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstDifference, readPack } from '../../testing/read-pack.ts'
import { expectedTensors, tinyModels, tinyWeights } from '../../testing/tiny-weights.ts'
import { packModel } from './pack-model.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pack-'))
})
afterAll(() => rm(root, { recursive: true }))

/** The tiny Llama 3 and Qwen2 have no tokenizer of their own. */
const tokenizer = `${tinyModels}llama`

describe('packing safetensors', () => {
  it.each(['llama', 'llama3', 'qwen2', 'qwen3'])('holds every weight of %s, unrounded in f32', async model => {
    const outDir = join(root, `${model}-f32`)
    // Blocks smaller than most tensors, so that their joints are met too.
    await packModel({ source: tinyModels + model, outDir, quantisation: 'f32', tokenizer, blockBytes: 4096 })
    const { manifest, tensors } = await readPack(outDir)
    const expected = expectedTensors(await tinyWeights(model), manifest.dimensions.layers)
    expect([...tensors.keys()].sort()).toEqual([...expected.keys()].sort())
    for (const [name, values] of expected) expect(firstDifference(tensors.get(name), values), name).toBe(-1)
  })

  it('rounds matrices to q4 in layers and q8 in embedding and head, and leaves norms alone', async () => {
    const outDir = join(root, 'qwen3-q4')
    await packModel({ source: `${tinyModels}qwen3`, outDir, quantisation: 'q4', blockBytes: 4096 })
    const { manifest, tensors } = await readPack(outDir)
    const q8 = (values: Float32Array) => dequantiseQ8(quantiseQ8(values))
    const q4 = (values: Float32Array) => dequantiseQ4(quantiseQ4(values))
    for (const [name, values] of expectedTensors(await tinyWeights('qwen3'), manifest.dimensions.layers)) {
      const rounded = /norm/.test(name) ? values : /^layer/.test(name) ? q4(values) : q8(values)
      expect(firstDifference(tensors.get(name), rounded), name).toBe(-1)
    }
  })

  it('tells the manifest what the model is', async () => {
    const outDir = join(root, 'llama3-q8')
    const { manifest } = await packModel({
      source: `${tinyModels}llama3`,
      outDir,
      quantisation: 'q8',
      tokenizer,
      model: 'tiny/llama3',
      licence: 'CC0-1.0',
    })
    expect(manifest).toMatchObject({
      model: 'tiny/llama3',
      architecture: 'llama',
      dimensions: {
        layers: 3,
        hidden: 64,
        heads: 4,
        kvHeads: 2,
        headDim: 16,
        intermediate: 96,
        vocab: 160,
        context: 256,
      },
      normEpsilon: 1e-5,
      rope: {
        theta: 500_000,
        scaling: { type: 'llama3', factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 64 },
      },
      tiedEmbeddings: false,
      licence: 'CC0-1.0',
      source: 'llama3',
    })
  })

  it('takes tokenizer, chat template and stop tokens along', async () => {
    const { manifest } = await packModel({
      source: `${tinyModels}qwen3`,
      outDir: join(root, 'qwen3-q8'),
      quantisation: 'q8',
    })
    expect(manifest.tokenizer).toMatchObject({ bosToken: '<|begin|>', eosToken: '<|im_end|>', stopTokens: [286] })
    expect(manifest.tokenizer.chatTemplate).toContain('<|im_start|>')
  })
})
