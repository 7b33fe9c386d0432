import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { layerCount, tilesModel } from '../model/index.ts'
import { lapMs, type PlacedSeat, type PlacementInput, planPlacement } from './plan-placement.ts'

const flat = { layers: 8, layerBytes: 100, embeddingBytes: 50, headBytes: 50, kvBytesPerLayer: 10 }
const peer = (id: string, memoryBudgetBytes: number, msPerLayer = 1, headMs = 1) => ({
  peer: id,
  memoryBudgetBytes,
  msPerLayer,
  headMs,
})
const input = (change: Partial<PlacementInput>): PlacementInput => ({
  model: flat,
  peers: [],
  linkMs: () => 5,
  minSeats: 1,
  maxSeats: 8,
  hopMs: 4,
  ...change,
})

/** A swarm that memory may or may not suffice for, with links of their own lengths. */
const swarms = fc
  .record({
    layers: fc.integer({ min: 1, max: 6 }),
    embeddingBytes: fc.integer({ min: 0, max: 300 }),
    headBytes: fc.integer({ min: 0, max: 300 }),
    minSeats: fc.integer({ min: 1, max: 3 }),
    maxSeats: fc.integer({ min: 3, max: 4 }),
    peers: fc.array(
      fc.record({
        memoryBudgetBytes: fc.integer({ min: 0, max: 900 }),
        msPerLayer: fc.integer({ min: 1, max: 12 }),
        headMs: fc.integer({ min: 1, max: 4 }),
      }),
      { maxLength: 4 },
    ),
    rtts: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 16, maxLength: 16 }),
  })
  .map(({ layers, embeddingBytes, headBytes, peers, rtts, ...seats }): PlacementInput => {
    const named = peers.map((facts, index) => ({ peer: `p${index}`, ...facts }))
    const place = (id: string): number => Number(id.slice(1))
    return {
      ...seats,
      model: { layers, layerBytes: 100, embeddingBytes, headBytes, kvBytesPerLayer: 10 },
      peers: named,
      linkMs: (a, b) => rtts[Math.min(place(a), place(b)) * 4 + Math.max(place(a), place(b))]! / 2,
      hopMs: 4,
    }
  })

/** Every placement there is, by brute force over orders and splits. */
function* everyPlacement({ model, peers, maxSeats }: PlacementInput): Generator<PlacedSeat[]> {
  function* extend(seats: PlacedSeat[], start: number): Generator<PlacedSeat[]> {
    if (start === model.layers) yield seats
    if (seats.length === maxSeats) return
    for (const { peer: id } of peers) {
      if (seats.some(seat => seat.peer === id)) continue
      for (let end = start + 1; end <= model.layers; end++) {
        yield* extend([...seats, { peer: id, layers: { start, end } }], end)
      }
    }
  }
  yield* extend([], 0)
}

function fits({ model, peers }: PlacementInput, seats: readonly PlacedSeat[]): boolean {
  return seats.every(({ peer: id, layers }, index) => {
    const weights = layerCount(layers) * (model.layerBytes + model.kvBytesPerLayer)
    const ends = (index === 0 ? model.embeddingBytes : 0) + (index === seats.length - 1 ? model.headBytes : 0)
    return weights + ends <= peers.find(({ peer }) => peer === id)!.memoryBudgetBytes
  })
}

describe('planPlacement', () => {
  it('tiles the model once and respects memory and the fewest seats asked for', () => {
    fc.assert(
      fc.property(swarms, swarm => {
        const placement = planPlacement(swarm)
        if (placement.kind === 'impossible') return
        const { seats } = placement
        expect(
          tilesModel(
            seats.map(seat => seat.layers),
            swarm.model.layers,
          ),
        ).toBe(true)
        expect(new Set(seats.map(seat => seat.peer)).size).toBe(seats.length)
        expect(fits(swarm, seats)).toBe(true)
        expect(seats.length).toBeGreaterThanOrEqual(Math.min(swarm.minSeats, swarm.model.layers))
      }),
    )
  })

  it('finds the fewest seats, and no placement of as many seats has a shorter lap', () => {
    fc.assert(
      fc.property(swarms, swarm => {
        const fewest = Math.min(swarm.minSeats, swarm.model.layers)
        const possible = [...everyPlacement(swarm)].filter(seats => seats.length >= fewest && fits(swarm, seats))
        const placement = planPlacement(swarm)
        if (possible.length === 0) {
          expect(placement.kind).toBe('impossible')
          return
        }
        const size = Math.min(...possible.map(seats => seats.length))
        const shortest = Math.min(...possible.filter(s => s.length === size).map(seats => lapMs(swarm, seats)))
        expect(placement).toMatchObject({ kind: 'placed', lapMs: shortest })
        expect(placement.kind === 'placed' && placement.seats.length).toBe(size)
      }),
      { numRuns: 200 },
    )
  })

  it('gives the same answer whatever order the peers come in', () => {
    fc.assert(
      fc.property(swarms, swarm => {
        const reversed = { ...swarm, peers: [...swarm.peers].reverse() }
        expect(planPlacement(reversed)).toEqual(planPlacement(swarm))
      }),
    )
  })

  it('spends no more than its tolerance on an even split', () => {
    fc.assert(
      fc.property(swarms, swarm => {
        const best = planPlacement(swarm)
        const even = planPlacement({ ...swarm, lapTolerance: 0.1 })
        expect(even.kind).toBe(best.kind)
        if (even.kind === 'placed' && best.kind === 'placed') {
          expect(even.lapMs).toBeLessThanOrEqual(best.lapMs * 1.1)
          expect(lapMs(swarm, even.seats)).toBe(even.lapMs)
        }
      }),
    )
  })

  it('splits evenly between tabs that differ by noise only', () => {
    const peers = [peer('a', 5000, 1.02), peer('b', 5000, 0.97)]
    const placement = planPlacement(input({ peers, minSeats: 2, lapTolerance: 0.1 }))
    expect(placement.kind === 'placed' && placement.seats.map(seat => layerCount(seat.layers))).toEqual([4, 4])
  })

  it('uses one tab where one suffices and no split was asked for', () => {
    const peers = [peer('slow', 5000, 3), peer('fast', 5000, 1)]
    expect(planPlacement(input({ peers }))).toEqual({
      kind: 'placed',
      seats: [{ peer: 'fast', layers: { start: 0, end: 8 } }],
      lapMs: 9,
      costMs: 9,
    })
  })

  it('seats the ring so that long links are not used', () => {
    const peers = ['a', 'b', 'c', 'd'].map(id => peer(id, 400))
    const far = new Set(['ab', 'ba', 'cd', 'dc'])
    const placement = planPlacement(input({ peers, linkMs: (a, b) => (far.has(a + b) ? 100 : 5), minSeats: 4 }))
    const order = placement.kind === 'placed' ? placement.seats.map(seat => seat.peer) : []
    expect(order).toHaveLength(4)
    for (const [index, id] of order.entries()) expect(far.has(id + order[(index + 1) % 4]!)).toBe(false)
  })

  it('keeps the fewest seats beyond eight candidates', () => {
    const peers = Array.from({ length: 20 }, (_, index) =>
      peer(`p${index}`, index === 13 || index === 17 ? 600 : 130, 1),
    )
    const placement = planPlacement(input({ peers }))
    const seated = placement.kind === 'placed' ? placement.seats.map(seat => seat.peer).sort() : []
    expect(seated).toEqual(['p13', 'p17'])
  })

  it('places more seats than can be searched', () => {
    const peers = Array.from({ length: 12 }, (_, index) => peer(`p${index}`, 170, 1))
    const placement = planPlacement(input({ peers, model: { ...flat, layers: 10 }, maxSeats: 16 }))
    expect(placement.kind === 'placed' && placement.seats.length).toBe(10)
  })

  it('says in words what is missing', () => {
    const big = { layers: 20, layerBytes: 1e8, embeddingBytes: 5e7, headBytes: 5e7, kvBytesPerLayer: 0 }
    const words = (change: Partial<PlacementInput>): string => {
      const placement = planPlacement(input({ model: big, ...change }))
      return placement.kind === 'impossible' ? placement.explanation : 'placed'
    }
    expect([
      words({ minSeats: 2 }),
      words({ peers: [peer('a', 7e8), peer('b', 7e8)] }),
      words({ peers: [peer('a', 5e9)], minSeats: 2 }),
      words({ peers: [peer('a', 5e9)], minSeats: 3 }),
      words({ peers: [peer('a', 9e8), peer('b', 9e8), peer('c', 9e8)], maxSeats: 2 }),
    ]).toMatchInlineSnapshot(`
      [
        "No tab is here yet; 2 tabs are needed.",
        "The model needs 2.1 GB, the 2 tabs here offer 1.4 GB; open another tab or allow more memory.",
        "1 of 2 tabs is here; open one more.",
        "1 of 3 tabs is here; open 2 more.",
        "The model needs 2.1 GB, the 3 tabs here offer 2.7 GB, but in shares that no split into at most 2 seats fits; allow more memory in a tab.",
      ]
    `)
  })

  it('looks at no more orders of many neighbourhoods than of one', () => {
    let hops = 0
    const pairs = (a: string, b: string): number => {
      hops += 1
      // Two and two share a daemon, and have no way to each other.
      return Number(a.slice(1)) >> 1 === Number(b.slice(1)) >> 1 ? Number.POSITIVE_INFINITY : 5
    }
    const hopsOf = (count: number): number => {
      hops = 0
      const peers = Array.from({ length: count }, (_, index) =>
        peer(`p${index + 10}`, 600 + index * 7, 1 + (index % 5)),
      )
      const placement = planPlacement(input({ peers, minSeats: 6, linkMs: pairs }))
      expect(placement.kind === 'placed' && placement.seats.length).toBe(6)
      return hops
    }
    const few = hopsOf(8)
    expect(hopsOf(32)).toBeLessThan(6 * few)
    expect(hopsOf(64)).toBeLessThan(6 * few)
  })
})
