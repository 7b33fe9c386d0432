/**
 * Static caches of plain memory that lie side by side: those of one capacity share arrays [places, kvHeads, capacity, headDim], so
 * that one run can serve several requests whose places are neighbours. It knows no lengths; what lies behind them is stale.
 */
import type { LayerRange, Manifest } from '../model/index.ts'
import { copyHeads, steppedCapacity } from './cache-growth.ts'
import { bytesOf } from './float-formats.ts'
import type { CacheKeeper, CacheRange, Runtime, RuntimeTensor } from './runtime.ts'

export interface SlabCachesInput {
  readonly manifest: Manifest
  readonly layers: LayerRange
  readonly runtime: Runtime
  /** Places of a slab at most: rows of one run. */
  readonly maxRows: number
  /** Slabs together take no more, as long as their caches do not. */
  readonly kvBudgetBytes: number
  /** Positions of a cache before it grows; 256 unless told otherwise. */
  readonly smallestCapacity?: number
}

type Values = Float32Array | Uint16Array

interface Slab {
  readonly capacity: number
  /** Keys and values, layer by layer. Their pages are the machine's only once they are written. */
  readonly arrays: Values[]
  readonly places: (SlabCache | null)[]
  /** By first place and count. */
  readonly views: Map<string, readonly RuntimeTensor[]>
}

export interface SlabCache {
  slab: Slab
  place: number
}

export interface SlabCaches extends CacheKeeper<SlabCache> {
  /** Bytes of all slabs, with places that no cache has. */
  heldBytes(): number
}

/**
 * What is stored outlives its request as stale values, and whoever gets the place next multiplies them by 0: that leaves an infinity
 * what it is. The request that made it has the infinity in what it sends on, where the next seat, or the sampler, refuses it.
 */
function finiteOrZero(values: Float32Array): Float32Array {
  let sum = 0
  for (const value of values) sum += value * 0
  return sum === 0 ? values : values.map(value => (Number.isFinite(value) ? value : 0))
}

/**
 * Caches of 256, 384, 512, 768 … positions, for the native CPU provider: plain attention reads them and `store` writes behind them; fused
 * attention fetches into the tensor that was fed.
 */
export function createSlabCaches(input: SlabCachesInput): SlabCaches {
  const { kvHeads, headDim } = input.manifest.dimensions
  const { runtime, maxRows } = input
  const count = 2 * (input.layers.end - input.layers.start)
  const elementBytes = runtime.float === 'f32' ? 4 : 2
  const slabs: Slab[] = []
  const strideOf = (slab: Slab) => kvHeads * slab.capacity * headDim

  const placeBytes = (capacity: number) => count * kvHeads * capacity * headDim * elementBytes
  const heldBytes = () => slabs.reduce((sum, { capacity, places }) => sum + places.length * placeBytes(capacity), 0)
  const isFree = (cache: SlabCache | null) => cache === null

  function openSlab(capacity: number): Slab {
    const stride = kvHeads * capacity * headDim
    makeRoom(placeBytes(capacity))
    const affordable = Math.floor((input.kvBudgetBytes - heldBytes()) / placeBytes(capacity))
    const places = Math.max(1, Math.min(maxRows, affordable))
    const newArray = () =>
      runtime.float === 'f32' ? new Float32Array(places * stride) : new Uint16Array(places * stride)
    const arrays = Array.from({ length: count }, newArray)
    const slab: Slab = { capacity, arrays, places: new Array(places).fill(null), views: new Map() }
    slabs.push(slab)
    return slab
  }

  /** Gives up places that no cache has, those of empty slabs first, until `bytes` more fit the budget or none is left. */
  function makeRoom(bytes: number): void {
    const isOver = () => heldBytes() + bytes > input.kvBudgetBytes
    for (const slab of slabs.filter(each => each.places.every(isFree)))
      if (isOver()) slabs.splice(slabs.indexOf(slab), 1)
    for (const slab of slabs) if (isOver() && slab.places.some(isFree)) cut(slab)
  }

  /** Moves a slab's caches together and gives up the places behind them; no run may be reading it. */
  function cut(slab: Slab): void {
    const caches = slab.places.filter(cache => cache !== null)
    const stride = strideOf(slab)
    slab.arrays.forEach((array, i) => {
      const smaller =
        runtime.float === 'f32' ? new Float32Array(caches.length * stride) : new Uint16Array(caches.length * stride)
      for (const [to, { place }] of caches.entries())
        smaller.set(array.subarray(place * stride, (place + 1) * stride), to * stride)
      // One by one: the larger ones are never all held beside the smaller.
      slab.arrays[i] = smaller
    })
    for (const [to, cache] of caches.entries()) cache.place = to
    slab.places.splice(0, slab.places.length, ...caches)
    slab.views.clear()
  }

  function allocate(capacity: number): SlabCache {
    const slab = slabs.find(each => each.capacity === capacity && each.places.includes(null)) ?? openSlab(capacity)
    const cache: SlabCache = { slab, place: slab.places.indexOf(null) }
    slab.places[cache.place] = cache
    return cache
  }

  function release({ slab, place }: SlabCache): void {
    slab.places[place] = null
    if (slab.places.some(cache => cache !== null)) return
    // One empty slab stays, for the next request: fresh pages cost more than used ones.
    for (const other of slabs.filter(each => each !== slab && each.places.every(cache => cache === null)))
      slabs.splice(slabs.indexOf(other), 1)
  }

  function views(slab: Slab, first: number, places: number): readonly RuntimeTensor[] {
    const key = `${first}+${places}`
    const known = slab.views.get(key)
    if (known !== undefined) return known
    const stride = strideOf(slab)
    const dims = [places, kvHeads, slab.capacity, headDim]
    const made = slab.arrays.map(array =>
      runtime.floatTensor(bytesOf(array.subarray(first * stride, (first + places) * stride)), dims),
    )
    slab.views.set(key, made)
    return made
  }

  function swap(slab: Slab, left: number, right: number): void {
    const stride = strideOf(slab)
    const [one, other] = [slab.places[left]!, slab.places[right]!]
    for (const array of slab.arrays) {
      const kept = other === null ? null : array.slice(right * stride, (right + 1) * stride)
      array.copyWithin(right * stride, left * stride, (left + 1) * stride)
      if (kept !== null) array.set(kept, left * stride)
    }
    for (const [cache, place] of [
      [one, right],
      [other, left],
    ] as const) {
      slab.places[place] = cache
      if (cache !== null) cache.place = place
    }
  }

  /** Moves `members` of one slab next to each other, as few as possible; the first of their places. */
  function gather(slab: Slab, members: ReadonlySet<SlabCache>): number {
    const size = members.size
    const isMember = (place: number) => members.has(slab.places[place]!)
    const within = (first: number) => slab.places.slice(first, first + size).filter(cache => members.has(cache!)).length
    let best = 0
    for (let first = 1; first + size <= slab.places.length; first++) if (within(first) > within(best)) best = first
    const isInside = (place: number) => place >= best && place < best + size
    const strangers = [...slab.places.keys()].filter(place => isInside(place) && !isMember(place))
    for (const { place } of [...members].filter(cache => !isInside(cache.place))) swap(slab, place, strangers.pop()!)
    return best
  }

  const viewsOf = (cache: SlabCache) => views(cache.slab, cache.place, 1)
  return {
    heldBytes,
    capacityFor: positions => steppedCapacity(positions, input.smallestCapacity),
    allocate: async capacity => allocate(capacity),
    async resize(cache, { capacity, keep }) {
      const grown = allocate(capacity)
      const part = (of: SlabCache, array: Values) =>
        array.subarray(of.place * strideOf(of.slab), (of.place + 1) * strideOf(of.slab))
      cache.slab.arrays.forEach((source, i) => {
        const target = part(grown, grown.slab.arrays[i]!)
        copyHeads({ source: part(cache, source), target, heads: kvHeads, rowLength: headDim, rows: keep })
      })
      release(cache)
      makeRoom(0)
      return grown
    },
    release,
    past: viewsOf,
    present: viewsOf,
    absorb: () => undefined,
    store({ slab, place }, { position, tokens, row, values }) {
      const rowLength = tokens * headDim
      for (const [i, array] of slab.arrays.entries())
        for (let head = 0; head < kvHeads; head++) {
          const from = (row * kvHeads + head) * rowLength
          const to = place * strideOf(slab) + (head * slab.capacity + position) * headDim
          array.set(finiteOrZero(values[i]!.subarray(from, from + rowLength)), to)
        }
    },
    together: {
      groups(caches) {
        const bySlab = new Map<Slab, number[]>()
        for (const [i, { slab }] of caches.entries()) bySlab.set(slab, [...(bySlab.get(slab) ?? []), i])
        return [...bySlab.values()]
      },
      range(caches): CacheRange {
        const { slab } = caches[0]!
        const first = gather(slab, new Set(caches))
        return { tensors: views(slab, first, caches.length), places: caches.map(({ place }) => place - first) }
      },
    },
  }
}
