import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstDifference, readPack } from '../../testing/read-pack.ts'
import { expectedTensors, tinyModels, tinyWeights } from '../../testing/tiny-weights.ts'
import { packModel } from './pack-model.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pack-'))
})
afterAll(() => rm(root, { recursive: true }))

/** Packs a tiny GGUF and reads it back. Those without a tokenizer borrow one. */
async function packed(model: string, type: string, quantisation: 'q4' | 'q8' | 'f16' | 'f32') {
  const outDir = join(root, `${model}-${type}-${quantisation}`)
  const tokenizer = model === 'llama3' || model === 'qwen2' ? `${tinyModels}llama` : undefined
  // Blocks smaller than most tensors, so that rotary rows are put right across block joints too.
  await packModel({
    source: `${tinyModels}${model}/model-${type}.gguf`,
    outDir,
    quantisation,
    tokenizer,
    blockBytes: 2048,
  })
  return { outDir, ...(await readPack(outDir)) }
}

describe('packing GGUF', () => {
  it.each([
    ['llama', 'f16'],
    ['qwen3', 'bf16'],
  ])('holds every weight of the same model in safetensors: %s in %s', async (model, type) => {
    const { manifest, tensors } = await packed(model, type, 'f32')
    for (const [name, values] of expectedTensors(await tinyWeights(model), manifest.dimensions.layers)) {
      expect(firstDifference(tensors.get(name), values), name).toBe(-1)
    }
  })

  it.each([
    ['llama', 'q8_0', 'q8'],
    ['llama3', 'q8_0', 'q8'],
    ['qwen2', 'q8_0', 'q8'],
    ['qwen3', 'q8_0', 'q8'],
    ['llama', 'q4_0', 'q4'],
    ['qwen3', 'q4_0', 'q4'],
  ] as const)(
    'keeps the blocks of %s in %s: a %s pack stands for the very same weights',
    async (model, type, quantisation) => {
      const { tensors } = await packed(model, type, quantisation)
      const { tensors: plain } = await packed(model, type, 'f32')
      for (const [name, values] of plain) expect(firstDifference(tensors.get(name), values), name).toBe(-1)
    },
  )

  it.each([
    ['llama', 'q4_1'],
    ['qwen3', 'q4_1'],
    ['llama3', 'q8_0'],
    ['qwen2', 'q8_0'],
  ])('reads %s in %s to within a step of the original', async (model, type) => {
    const { manifest, tensors } = await packed(model, type, 'f32')
    const steps = type === 'q4_1' ? 15 : 127
    for (const [name, values] of expectedTensors(await tinyWeights(model), manifest.dimensions.layers)) {
      const found = tensors.get(name)!
      const peak = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0)
      expect(worst, name).toBeLessThan((2 * peak) / steps)
    }
  })

  it('finds the same shape as config.json does, llama3 rotary scaling included', async () => {
    for (const [model, type] of [
      ['llama', 'f16'],
      ['llama3', 'f16'],
      ['qwen2', 'q8_0'],
      ['qwen3', 'bf16'],
    ] as const) {
      const { manifest: gguf } = await packed(model, type, 'f16')
      const outDir = join(root, `${model}-hf`)
      const { manifest: folder } = await packModel({
        source: tinyModels + model,
        outDir,
        quantisation: 'f16',
        tokenizer: `${tinyModels}llama`,
      })
      const shape = ({
        architecture,
        dimensions,
        normEpsilon,
        rope,
        attentionBias,
        qkNorm,
        tiedEmbeddings,
      }: typeof gguf) => ({
        ...{ architecture, dimensions, normEpsilon, rope, attentionBias, qkNorm, tiedEmbeddings },
      })
      expect(shape(gguf)).toEqual(shape(folder))
    }
  })

  it.each(['llama', 'qwen3'])('rebuilds the tokenizer of %s: same ids, same text, same chat template', async model => {
    const { outDir, manifest } = await packed(model, 'q8_0', 'q8')
    const json = async (path: string) => JSON.parse(await readFile(path, 'utf8'))
    const tokenizer = new Tokenizer(
      await json(join(outDir, 'tokenizer.json')),
      await json(join(outDir, 'tokenizer_config.json')),
    )
    const golden = await json(`${tinyModels}${model}/golden-tokenizer.json`)
    for (const { text, tokens } of [...golden.texts, golden.chat]) {
      expect(tokenizer.encode(text, { add_special_tokens: false }).ids).toEqual(tokens)
      expect(tokenizer.decode(tokens, { skip_special_tokens: false })).toBe(text)
    }
    expect(manifest.tokenizer.chatTemplate).toBe(
      (await json(`${tinyModels}${model}/tokenizer_config.json`)).chat_template,
    )
    expect(manifest.tokenizer).toMatchObject({ bosToken: '<|begin|>', eosToken: '<|im_end|>', stopTokens: [286] })
  })

  it('reads a header that is larger than the first read', async () => {
    const plain = await readFile(`${tinyModels}qwen3/model-q8_0.gguf`)
    // One more entry of metadata: half a million numbers. Its length keeps the data aligned.
    const key = 'padding.of.a.header.'
    const count = 500_000
    const entry = Buffer.alloc(8 + key.length + 4 + 4 + 8 + 4 * count)
    expect(entry.length % 32).toBe(12)
    const padded = Buffer.concat([entry, Buffer.alloc(20)])
    entry.copy(padded)
    padded.writeBigUInt64LE(BigInt(key.length), 0)
    padded.write(key, 8)
    let at = 8 + key.length
    for (const value of [9, 4]) at = padded.writeUInt32LE(value, at)
    padded.writeBigUInt64LE(BigInt(count + 5), at)
    const head = Buffer.from(plain.subarray(0, 24))
    head.writeBigUInt64LE(head.readBigUInt64LE(16) + 1n, 16)
    const source = join(root, 'large-header.gguf')
    await writeFile(source, Buffer.concat([head, padded, plain.subarray(24)]))
    const outDir = join(root, 'large-header')
    await packModel({ source, outDir, quantisation: 'q8' })
    const { tensors } = await packed('qwen3', 'q8_0', 'q8')
    const found = await readPack(outDir)
    for (const [name, values] of tensors) expect(firstDifference(found.tensors.get(name), values), name).toBe(-1)
  })
})
