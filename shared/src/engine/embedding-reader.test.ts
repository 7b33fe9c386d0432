import { expect, test } from 'vitest'
import { randomPack } from '../../testing/random-pack.ts'
import type { PartSource } from '../ports/index.ts'
import { activationValues } from './convert-activation.ts'
import { openEmbedding } from './embedding-reader.ts'

/** A pack whose reads are counted, and fail while `isBroken`. */
function watchedPack(quantisation: 'f16' | 'q8') {
  const { manifest, parts } = randomPack({ quantisation })
  const reads: number[] = []
  const state = { isBroken: false }
  const watched: PartSource = {
    async open(part) {
      const reader = await parts.open(part)
      return {
        ...reader,
        async read(offset, length) {
          reads.push(length)
          if (state.isBroken) throw new Error('the disk is away')
          return reader.read(offset, length)
        },
      }
    },
  }
  const open = (keptBytes?: number) => openEmbedding(manifest, watched, 'f32', keptBytes)
  return { open, reads, state, rowBytes: manifest.dimensions.hidden * 2 }
}

test('a token that comes again costs no read, within a prompt and later', async () => {
  const { open, reads } = watchedPack('f16')
  const embedding = await open()
  await embedding.rows([5, 7, 5])
  expect(reads).toHaveLength(2)
  await embedding.rows([7])
  await embedding.rows([5])
  expect(reads).toHaveLength(2)
})

test.each(['f16', 'q8'] as const)('kept rows of %s have the values that read ones have', async quantisation => {
  const tokens = [3, 9, 3, 14, 9]
  const keeping = await watchedPack(quantisation).open()
  await keeping.rows(tokens)
  const kept = activationValues(await keeping.rows(tokens))
  const fresh = activationValues(await (await watchedPack(quantisation).open(0)).rows(tokens))
  expect(kept).toEqual(fresh)
  expect(new Set(kept).size).toBeGreaterThan(2 * tokens.length)
})

test('the rows used last are kept, and no more than the bytes allow', async () => {
  const { open, reads, rowBytes } = watchedPack('f16')
  const embedding = await open(2 * rowBytes + rowBytes / 2)
  const readsOf = async (token: number) => {
    const before = reads.length
    await embedding.rows([token])
    return reads.length - before
  }
  await embedding.rows([1, 2])
  expect(await readsOf(1)).toBe(0)
  // 2 was used before 1, and makes room for 3.
  expect(await readsOf(3)).toBe(1)
  expect(await readsOf(1)).toBe(0)
  expect(await readsOf(2)).toBe(1)
  expect(await readsOf(3)).toBe(1)
})

test('scales count as bytes of a row too', async () => {
  const { open, reads, rowBytes } = watchedPack('q8')
  // A q8 row is half as long as an f16 row, and a sixteenth more for its scales: two do not fit.
  const embedding = await open(rowBytes)
  await embedding.rows([1, 2])
  reads.length = 0
  await embedding.rows([2])
  expect(reads).toEqual([])
  await embedding.rows([1])
  expect(reads).toHaveLength(2)
})

test('a row whose read failed is read again', async () => {
  const { open, reads, state } = watchedPack('f16')
  const embedding = await open()
  state.isBroken = true
  await expect(embedding.rows([4])).rejects.toThrow('the disk is away')
  state.isBroken = false
  await embedding.rows([4])
  expect(reads).toHaveLength(2)
})
