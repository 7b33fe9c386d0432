import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readPack } from '../../testing/read-pack.ts'
import { writeRandomPack } from './random-pack.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pack-'))
})
afterAll(() => rm(root, { recursive: true }))

const dimensions = {
  layers: 2,
  hidden: 64,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  intermediate: 96,
  vocab: 300,
  context: 128,
}
const options = { architecture: 'qwen3', dimensions, seed: 7, model: 'random/tiny' } as const

it.each(['q4', 'q8', 'f16', 'f32'] as const)('writes a pack of %s that its own reader accepts', async quantisation => {
  const outDir = join(root, quantisation)
  await writeRandomPack({ ...options, outDir, quantisation })
  const { tensors } = await readPack(outDir)
  const down = tensors.get('layer-1/mlp.down')!
  const deviation = Math.sqrt(down.reduce((sum, value) => sum + value * value, 0) / down.length)
  expect(deviation * Math.sqrt(dimensions.intermediate)).toBeCloseTo(1, 1)
})

it('gives the same bytes for the same seed, and others for another', async () => {
  const write = async (name: string, seed: number) => {
    const outDir = join(root, name)
    await writeRandomPack({ ...options, seed, outDir, quantisation: 'q8' })
    return (await readPack(outDir)).digests.get('parts/layer-0.bin')
  }
  expect(await write('first', 1)).toBe(await write('second', 1))
  expect(await write('third', 2)).not.toBe(await write('fourth', 1))
})

it('refuses an inner size that blocks do not divide, and takes it unquantised', async () => {
  const odd = { ...options, outDir: join(root, 'odd'), dimensions: { ...dimensions, intermediate: 100 } }
  await expect(writeRandomPack({ ...odd, quantisation: 'q8' })).rejects.toMatchObject({
    code: 'artifact_type_unsupported',
    message: expect.stringContaining('intermediate is 100'),
  })
  await writeRandomPack({ ...odd, quantisation: 'f16' })
})

it('brings a tokenizer that gives any text back', async () => {
  const outDir = join(root, 'text')
  await writeRandomPack({ ...options, outDir, quantisation: 'q8' })
  const json = async (name: string) => JSON.parse(await readFile(join(outDir, name), 'utf8'))
  const tokenizer = new Tokenizer(await json('tokenizer.json'), await json('tokenizer_config.json'))
  const text = 'Schön: 12–24 🦊\n'
  const { ids } = tokenizer.encode(text)
  expect(tokenizer.decode(ids)).toBe(text)
  expect(ids).toEqual([...new TextEncoder().encode(text)])
})
