import fc from 'fast-check'
import { expect, it } from 'vitest'
import { floatsOf } from './float-formats.ts'
import type { RuntimeTensor } from './runtime.ts'
import { createSlabCaches, type SlabCache } from './slab-caches.ts'

/** Bytes of a position: keys and values of one head of one number. */
const each = 8

interface View extends RuntimeTensor {
  readonly values: Float32Array
}

/** Slabs of one layer, whose tensors can be written and read. */
function open(budgetPositions: number) {
  const caches = createSlabCaches({
    manifest: { dimensions: { kvHeads: 1, headDim: 1 } },
    layers: { start: 0, end: 1 },
    maxRows: 8,
    kvBudgetBytes: budgetPositions * each,
    smallestCapacity: 2,
    runtime: {
      float: 'f32',
      floatTensor: (data: Uint8Array, dims: readonly number[]): View => ({
        dims,
        values: floatsOf(data),
        getData: async () => data,
        dispose: () => undefined,
      }),
    },
  } as unknown as Parameters<typeof createSlabCaches>[0])
  const valuesOf = (cache: SlabCache) => (caches.past(cache) as View[]).map(({ values }) => values)
  return { caches, valuesOf }
}

it('keeps slabs within the budget where one cache of each is left', async () => {
  const { caches } = open(1024)
  let live: SlabCache[] = []
  for (let capacity = 2; capacity <= 512; capacity *= 2) {
    const used = () => live.reduce((sum, { slab }) => sum + slab.capacity, 0)
    while (used() + capacity <= 1024) live.push(await caches.allocate(capacity))
    expect(caches.heldBytes()).toBeLessThanOrEqual(1024 * each)
    const first = new Map(live.map(cache => [cache.slab, cache]))
    for (const cache of live) if (first.get(cache.slab) !== cache) caches.release(cache)
    live = [...first.values()]
  }
})

it('holds what caches hold, within the budget, in any order of growing, cutting and going', async () => {
  const move = fc.record({
    what: fc.constantFrom('new', 'new', 'size', 'size', 'go', 'together'),
    at: fc.nat(20),
    size: fc.nat(5),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 60 }), async moves => {
      const budget = 128
      const { caches, valuesOf } = open(budget)
      const live: { cache: SlabCache; mark: number }[] = []
      const used = () => live.reduce((sum, { cache }) => sum + cache.slab.capacity, 0)
      for (const [mark, { what, at, size }] of moves.entries()) {
        const capacity = 2 * 2 ** size
        const one = live[at % Math.max(1, live.length)]
        if (what === 'new' && used() + capacity <= budget) {
          const cache = await caches.allocate(capacity)
          for (const values of valuesOf(cache)) values.fill(mark)
          live.push({ cache, mark })
        } else if (what === 'size' && one && used() - one.cache.slab.capacity + capacity <= budget) {
          const keep = Math.min(capacity, one.cache.slab.capacity)
          one.cache = await caches.resize(one.cache, { capacity, keep })
          for (const values of valuesOf(one.cache)) values.fill(one.mark, keep)
        } else if (what === 'go' && one) {
          caches.release(one.cache)
          live.splice(live.indexOf(one), 1)
        } else if (what === 'together' && one) {
          const members = live.filter(({ cache }) => cache.slab === one.cache.slab).slice(0, 3)
          caches.together!.range(members.map(({ cache }) => cache))
        }
        expect(caches.heldBytes()).toBeLessThanOrEqual(budget * each)
        for (const { cache, mark } of live)
          for (const values of valuesOf(cache)) {
            expect(values).toHaveLength(cache.slab.capacity)
            expect(values.every(value => value === mark)).toBe(true)
          }
      }
    }),
    { seed: 20261122, numRuns: 200 },
  )
})

it('opens a whole slab where the budget has room for it', async () => {
  const { caches } = open(1024)
  const row = [await caches.allocate(64), await caches.allocate(64)]
  expect(caches.together!.groups(row)).toEqual([[0, 1]])
  expect(caches.heldBytes()).toBe(8 * 64 * each)
})
