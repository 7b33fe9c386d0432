import { expect, it } from 'vitest'
import type { EngineRow } from '../ports/index.ts'
import { createCacheBooks } from './cache-books.ts'
import { doubledCapacity } from './cache-growth.ts'
import { createGrowingMemoryCaches } from './memory-caches.ts'
import type { Runtime, RuntimeTensor } from './runtime.ts'

const kvBudgetBytes = 4096

/** Books of caches of a byte a position, and a way to run a row. */
function open() {
  const sizes = new Map<object, number>()
  const made = (capacity: number) => {
    const cache = {}
    sizes.set(cache, capacity)
    return cache
  }
  const books = createCacheBooks<object>({
    kvBudgetBytes,
    maxContext: 4096,
    backend: {
      capacityFor: positions => doubledCapacity(positions),
      cacheBytes: capacity => capacity,
      allocate: async capacity => made(capacity),
      resize: async (cache, { capacity }) => {
        sizes.delete(cache)
        return made(capacity)
      },
      release: cache => void sizes.delete(cache),
    },
  })
  const run = async (requestId: string, position: number, end: number, reuse?: EngineRow['reuse']) => {
    const row: EngineRow = { requestId, position, input: { tokens: [1] }, sample: null }
    books.takeOver(reuse === undefined ? row : { ...row, reuse })
    const held = await books.makeRoom(requestId, position, end)
    held.length = end
    books.endStep(new Set())
    return held
  }
  return { books, run, bytes: () => [...sizes.values()].reduce((sum, size) => sum + size, 0) }
}

it('cuts a cache that is taken over to what its new request needs', async () => {
  const { books, run, bytes } = open()
  for (const [long, short] of [
    ['long-1', 'short-1'],
    ['long-2', 'short-2'],
  ] as const) {
    await run(long, 0, 2000)
    books.keep(long)
    const held = await run(short, 40, 200, { requestId: long, positions: 40 })
    expect(held.capacity).toBe(256)
  }
  expect([books.memory().kvBytes, bytes()]).toEqual([512, 512])
  // What the ledger has room for beside two requests of 256 positions.
  await run('honest', 0, 2000)
  expect(books.memory()).toMatchObject({ kvBytes: 2048 + 512, requests: 3 })
})

it('leaves a cache that is taken over as it is where the new request needs as much, and one that is cut back by its own', async () => {
  const { books, run } = open()
  const { cache } = await run('first', 0, 1100)
  books.keep('first')
  const next = await run('second', 1050, 1060, { requestId: 'first', positions: 1050 })
  expect([next.cache === cache, next.capacity]).toEqual([true, 2048])
  const rewound = await run('second', 10, 20)
  expect([rewound.cache === cache, rewound.capacity]).toEqual([true, 2048])
})

it('lets go of the rest of a growing cache', async () => {
  const tensorOf = (data: Float32Array, dims: readonly number[]): RuntimeTensor => ({
    dims,
    getData: async () => data,
    dispose: () => undefined,
  })
  const floatTensor: Runtime['floatTensor'] = (bytes, dims) => tensorOf(new Float32Array(bytes.slice().buffer), dims)
  const caches = createGrowingMemoryCaches({
    manifest: { dimensions: { kvHeads: 2, headDim: 1 } },
    layers: { start: 0, end: 1 },
    runtime: { float: 'f32', floatTensor },
  } as unknown as Parameters<typeof createGrowingMemoryCaches>[0])
  const cache = await caches.allocate(6)
  const present = [0, 100].map(base =>
    tensorOf(
      Float32Array.from({ length: 12 }, (_, i) => base + i),
      [1, 2, 6, 1],
    ),
  )
  caches.absorb(cache, present)
  await caches.resize(cache, { capacity: 9, keep: 6 })
  expect(caches.past(cache)).toEqual(present)
  const cut = caches.past(await caches.resize(cache, { capacity: 4, keep: 3 }))
  expect(cut.map(({ dims }) => dims)).toEqual([
    [1, 2, 3, 1],
    [1, 2, 3, 1],
  ])
  const values = await Promise.all(cut.map(tensor => tensor.getData()))
  expect(values.map(each => Array.from(each as Float32Array))).toEqual([
    [0, 1, 2, 6, 7, 8],
    [100, 101, 102, 106, 107, 108],
  ])
})
