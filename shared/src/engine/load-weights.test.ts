import { expect, test } from 'vitest'
import { randomPack } from '../../testing/random-pack.ts'
import { writeSliceGraph } from '../graph/index.ts'
import { decodeWeights, type PackPart } from '../model/index.ts'
import { expandedBytes, expandWeights } from './expand-weights.ts'
import { loadWeights } from './load-weights.ts'

const { manifest, parts } = randomPack({ quantisation: 'q4' })
const layers = { start: 1, end: 3 }
const slice = { manifest, layers, parts, kvBudgetBytes: 1, maxContext: 32 }

test('a slice opens its own parts alone and reports its progress to the end', async () => {
  const opened: string[] = []
  const progress: number[] = []
  const watched = {
    ...slice,
    parts: {
      open(part: PackPart) {
        opened.push(part.name)
        return parts.open(part)
      },
    },
    onProgress: (loaded: number, total: number) => void progress.push(loaded / total),
  }
  const graph = writeSliceGraph({ manifest, layers, float: 'f32', maxContext: 32 })
  const weights = await loadWeights({ slice: watched, external: graph.external, float: 'f32' })
  expect(opened).toEqual(['layer-1', 'layer-2'])
  expect(progress.at(-1)).toBe(1)
  expect(progress).toEqual([...progress].sort((a, b) => a - b))
  for (const tensor of graph.external) {
    const bytes = { f32: 4, f16: 2, u8: 1, i32: 4, i64: 8 }[tensor.type]
    const found = weights.find(({ location }) => location === tensor.location)
    expect(found?.data.length).toBe(tensor.shape.reduce((product, size) => product * size, bytes))
  }
})

test('a pack that lacks a tensor of its architecture is refused by the tensor’s name', async () => {
  const graph = writeSliceGraph({ manifest, layers, float: 'f32', maxContext: 32 })
  const without = {
    ...manifest,
    parts: manifest.parts.map(part => ({
      ...part,
      tensors: part.tensors.filter(({ name }) => name !== 'attention.k_norm'),
    })),
  }
  const loading = loadWeights({ slice: { ...slice, manifest: without }, external: graph.external, float: 'f32' })
  await expect(loading).rejects.toMatchObject({
    code: 'artifact_invalid',
    message: expect.stringContaining('layer-1.attention.k_norm'),
  })
})

test('expanded weights are the values that the pack’s own decoder gives', async () => {
  const part = manifest.parts.find(({ name }) => name === 'layer-1')!
  const read = async (name: string) => {
    const { offset, sizeBytes } = part.tensors.find(tensor => tensor.name === name)!
    return (await parts.open(part)).read(offset, sizeBytes)
  }
  const [data, scales] = [await read('mlp.down'), await read('mlp.down.scale')]
  const expanded = expandWeights({ dtype: 'q4', data, scales })
  const step = decodeWeights('F16', scales.slice(0, 2))[0]!
  expect(expanded[0]).toBe(Math.fround(((data[0]! & 15) - 8) * step))
  expect(expanded[1]).toBe(Math.fround(((data[0]! >> 4) - 8) * step))
  expect(expanded.length).toBe(data.length * 2)
  expect(expandedBytes(manifest, layers, ['q4'])).toBeGreaterThan(5 * expandedBytes(manifest, layers, []))
})
