import { randomPack } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { openWithinMemory } from './open-within-memory.ts'

it('unpacks q8 weights only where twice their size fits beside the caches', async () => {
  const { manifest, parts } = randomPack({ quantisation: 'q8' })
  const layers = { start: 0, end: manifest.dimensions.layers }
  const kvBudgetBytes = 2 ** 20
  const weightsWith = async (memoryBudgetBytes: number): Promise<number> => {
    const open = openWithinMemory({ memoryBudgetBytes, threads: 1 })
    const engine = await open('cpu', { manifest, parts, layers, kvBudgetBytes, maxContext: 64 })
    const { weightsBytes } = engine.memory()
    await engine.close()
    return weightsBytes
  }
  const packed = await weightsWith(kvBudgetBytes / 2)
  const unpacked = await weightsWith(1e9)
  expect(unpacked).toBeGreaterThan(2 * packed)
  expect(await weightsWith(kvBudgetBytes + 1.9 * unpacked)).toBe(packed)
  expect(await weightsWith(kvBudgetBytes + 2.1 * unpacked)).toBe(unpacked)
})
