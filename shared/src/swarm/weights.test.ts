import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSwarmShell, type SwarmShell, shellPeer } from '../../testing/swarm-shell.ts'
import { newStanding, weightOf } from '../standing/index.ts'
import { isTimeAwaited } from './awaits-time.ts'
import { type PlacementInput, planPlacement } from './plan-placement.ts'
import { weightOfPeer } from './weights.ts'

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(shellPeer) as [string, string, string, string]
const walletOf = (peer: string): string => peer.slice(0, 42)
/** The same wallet, started anew. */
const again = (peer: string): string => `${walletOf(peer)}.00000001`

function weigh(shell: SwarmShell, weights: Record<string, number>, textHolders: readonly string[] = []): void {
  const byWallet = Object.entries(weights).map(([peer, weight]) => [walletOf(peer), weight])
  shell.happen({
    type: 'operators-weighed',
    weights: Object.fromEntries(byWallet),
    textHolders: textHolders.map(walletOf),
  })
}
const trusted = 0.9

describe('standing in placement', () => {
  it('gives the seat to the better standing, among equals', () => {
    for (const best of ['a', 'b', 'c']) {
      const penaltyOf = (name: string): number => (name === best || name === 'd' ? 1 : 9)
      const placement = planPlacement(
        input(['a', 'b', 'c', 'd'].map(name => offer(name, 1, { penalty: penaltyOf(name) }))),
      )
      const seats = placement.kind === 'placed' ? placement.seats.map(({ peer }) => peer).sort() : []
      expect(seats).toEqual([best, 'd'])
    }
    const shell = createSwarmShell({ minSeats: 3 })
    weigh(shell, { [b]: trusted, [c]: trusted, [d]: 0.4 })
    for (const peer of [a, b, c, d]) shell.join(peer, 700)
    // Whoever came first has a seat, until the ring is planned anew.
    expect(
      shell
        .seats()
        .map(seat => seat[0])
        .sort(),
    ).toEqual(['a', 'b', 'c'])
    shell.serve()
    expect(shell.rings()[0]).toContain('+ d')
  })

  it('takes the seat of a trusted peer that counts for a fiftieth, for a newcomer that waits; a pool of such peers serves', () => {
    const shell = createSwarmShell()
    const wallets = (): string[] =>
      shell
        .seats()
        .map(seat => seat[0]!)
        .sort()
    weigh(shell, { [a]: trusted, [b]: trusted })
    for (const peer of [a, b]) shell.join(peer)
    shell.serve()
    weigh(shell, { [b]: trusted / 50 })
    shell.advance(60_001)
    expect(wallets()).toEqual(['a', 'b'])
    shell.join(c)
    shell.advance(60_001)
    shell.sliceReady(c)
    shell.happen({ type: 'ring-drained', epoch: shell.epoch() })
    expect(wallets()).toEqual(['a', 'c'])
  })

  it('places a pool of newcomers as if nobody were weighed', () => {
    const place = (weight: number | null): string[] => {
      const shell = createSwarmShell({ minSeats: 2 })
      if (weight !== null) weigh(shell, { [a]: weight, [b]: weight, [c]: weight })
      for (const [index, peer] of [a, b, c].entries()) shell.join(peer, 600, 1 + index)
      return [...shell.seats(), String(shell.coalition()!.lapMs)]
    }
    expect(place(0.1)).toEqual(place(null))
    expect(place(trusted)).toEqual(place(null))
    expect(place(0.004)).toEqual(place(null))
  })

  it('gives one seat to a newcomer that makes the lap much shorter, and none to one that makes it a little shorter', () => {
    const seatsBeside = (msPerLayer: number): string[] => {
      const placement = planPlacement(
        input([offer('a', 50), offer('b', 50), offer('n', msPerLayer, { penalty: trusted / 0.1 })]),
      )
      return placement.kind === 'placed' ? placement.seats.map(({ peer }) => peer).sort() : []
    }
    expect(seatsBeside(40)).toEqual(['a', 'b'])
    expect(seatsBeside(25)).toEqual(['a', 'b'])
    expect(seatsBeside(1)).toEqual(['a', 'n'])
  })

  it('tells the true lap, whoever sits in it', () => {
    const alike = planPlacement(input([offer('a', 2), offer('b', 3)]))
    const mixed = planPlacement(input([offer('a', 2), offer('b', 3, { penalty: 9 })]))
    expect(mixed).toMatchObject({
      seats: (alike as { seats: unknown }).seats,
      lapMs: (alike as { lapMs: number }).lapMs,
    })
  })

  it('takes more seats where the trusted need them, as long as that is no longer than newcomers count', () => {
    const rooms = [
      offer('x', 1, { penalty: 9, memoryBudgetBytes: 5000 }),
      offer('y', 1, { penalty: 9, memoryBudgetBytes: 5000 }),
    ]
    const small = ['a', 'b', 'c', 'd'].map(name => offer(name, 1, { memoryBudgetBytes: 330 }))
    const seatsOf = (peers: ReadonlyArray<ReturnType<typeof offer>>): string[] => {
      const placement = planPlacement(input(peers))
      return placement.kind === 'placed' ? placement.seats.map(({ peer }) => peer).sort() : []
    }
    expect(seatsOf([...rooms, ...small])).toEqual(['a', 'b', 'c', 'd'])
    expect(seatsOf([...rooms, ...small.slice(0, 2)])).toEqual(['a', 'b', 'x'])
    expect(seatsOf([...rooms, ...small.slice(0, 1)])).toEqual(['a', 'x'])
  })

  it('is not outnumbered: a crowd of roomy new names leaves the trusted among the candidates', () => {
    const crowd = Array.from({ length: 400 }, (_, index) =>
      offer(`n${index}`, 0.9, { penalty: 9, memoryBudgetBytes: 1_000_000 }),
    )
    const placement = planPlacement(input([...crowd, offer('s', 1), offer('t', 1)]))
    expect(placement.kind === 'placed' && placement.seats.map(({ peer }) => peer).sort()).toEqual(['s', 't'])
  })
})

/** Layers that those of one machine hold together, when it shows itself as one or as several. */
const pools = fc.record({
  trusted: fc.array(fc.record({ ms: fc.integer({ min: 2, max: 12 }), room: fc.integer({ min: 2, max: 6 }) }), {
    minLength: 1,
    maxLength: 3,
  }),
  parts: fc.integer({ min: 2, max: 4 }),
  ms: fc.integer({ min: 2, max: 12 }),
  room: fc.integer({ min: 1, max: 2 }),
  weight: fc.constantFrom(weightOf(newStanding(0)), 0.5, trusted),
})

describe('a machine that shows itself as many', () => {
  it('holds no more layers than as one: its parts have what it has, and the same weight each', () => {
    fc.assert(
      fc.property(pools, ({ trusted: others, parts, ms, room, weight }) => {
        const rest = others.map(({ ms, room }, index) =>
          offer(`t${index}`, ms, { memoryBudgetBytes: room * 110 + 100 }),
        )
        const penalty = trusted / weight
        const whole = offer('m', ms, { penalty, memoryBudgetBytes: parts * room * 110 + 100 })
        const many = Array.from({ length: parts }, (_, index) =>
          offer(`m${index}`, ms * parts, { penalty, memoryBudgetBytes: room * 110 + 100 }),
        )
        expect(layersOf([...rest, ...many], 1)).toBeLessThanOrEqual(layersOf([...rest, whole], 1))
      }),
      { numRuns: 300 },
    )
  })

  it('takes no seat from the trusted, however many names it has', () => {
    for (let names = 1; names <= 12; names++) {
      const many = Array.from({ length: names }, (_, index) => offer(`m${index}`, 1, { penalty: 9 }))
      expect(layersOf([offer('s', 1), offer('t', 1), ...many], 2)).toBe(0)
    }
  })
})

describe('a wallet whose standing bars it', () => {
  function ring() {
    const shell = createSwarmShell()
    for (const peer of [a, b]) shell.join(peer)
    shell.serve()
    shell.join(c)
    shell.sliceReady(c)
    return shell
  }

  it('loses its seat at once, to whoever stood by', () => {
    const shell = ring()
    const before = shell.epoch()
    weigh(shell, { [b]: 0 })
    expect(shell.seats().map(seat => seat[0])).toEqual(['a', 'c'])
    expect(shell.epoch()).toBeGreaterThan(before)
    const [lost] = shell.acts.filter(act => act.type === 'dissolve-coalition')
    expect(lost).toMatchObject({ error: { code: 'swarm_coalition_lost' } })
    expect(shell.acts.some(act => act.type === 'release-slice' && act.peer === b)).toBe(true)
  })

  it('gets none under another id, nor with the layers that it held, as long as it is barred', () => {
    const shell = createSwarmShell()
    for (const peer of [a, b]) shell.join(peer)
    shell.serve()
    const held = shell.coalition()!.seats.find(({ peer }) => peer === b)!.layers
    weigh(shell, { [b]: 0 })
    shell.gone(b)
    shell.join(again(b), 5000, 1, undefined, held)
    shell.advance(60_000)
    expect(shell.coalition()).toBe(null)
    expect(shell.view().explanation).toContain('Wallet 0x0000…000b gets no work: its standing bars it.')
    expect(isTimeAwaited(shell.state())).toBe(false)
    weigh(shell, { [b]: 0.02 })
    expect(
      shell
        .seats()
        .map(seat => seat[0])
        .sort(),
    ).toEqual(['a', 'b'])
  })

  it('nor a place to stand by, nor one in what replaces a ring', () => {
    const shell = ring()
    weigh(shell, { [c]: 0 })
    shell.join(again(c))
    expect(shell.state().coalitions[0]!.standbys).toEqual([])
    expect(shell.seats()).toHaveLength(2)
    expect(shell.status()).toBe('ready')
  })

  it('is not let back in by a crowd, and the crowd is forgotten first', () => {
    const shell = createSwarmShell()
    weigh(shell, { [b]: 0 })
    const crowd = Array.from({ length: 6000 }, (_, name) => [`0x${String(name + 1e6).padStart(40, '0')}`, 0.5])
    shell.happen({ type: 'operators-weighed', weights: Object.fromEntries(crowd) })
    expect(weightOfPeer(shell.state(), b)).toBe(0)
    expect(Object.keys(shell.state().standings)).toHaveLength(5000)
    expect(weightOfPeer(shell.state(), `0x${String(1e6).padStart(40, '0')}.00000000`)).toBe(0.1)
  })
})

describe('standing beside a ring that serves', () => {
  it('brings a ring of newcomers the trusted who wait, once they have loaded, and not before its time', () => {
    const shell = createSwarmShell()
    for (const peer of [a, b]) shell.join(peer)
    shell.serve()
    weigh(shell, { [c]: trusted, [d]: trusted })
    for (const peer of [c, d]) shell.join(peer)
    expect(shell.coalition()!.successor).toBe(null)
    shell.advance(60_001)
    for (const peer of [c, d]) shell.sliceReady(peer)
    shell.happen({ type: 'ring-drained', epoch: shell.epoch() })
    expect(
      shell
        .seats()
        .map(seat => seat[0])
        .sort(),
    ).toEqual(['c', 'd'])
  })

  it('lets the trusted stand by first where places are few', () => {
    const shell = createSwarmShell({ maxStandbys: 1, replanMs: 1e9 })
    for (const peer of [a, b]) shell.join(peer)
    weigh(shell, { [d]: trusted })
    shell.join(c)
    shell.join(d)
    shell.serve()
    expect(shell.state().coalitions[0]!.standbys.map(({ peer }) => peer[41])).toEqual(['d'])
  })

  it('searches nothing anew for a weight that moved by less than a step', () => {
    const shell = createSwarmShell()
    weigh(shell, { [a]: 0.5 })
    const before = shell.state()
    weigh(shell, { [a]: 0.51 })
    expect(shell.state()).toBe(before)
  })
})

describe('who sees text', () => {
  it('is staked and of good standing, among equals: such wallets sit at the ends', () => {
    for (const holders of [
      [a, b],
      [b, c],
      [a, c],
    ]) {
      const placement = planPlacement({
        ...input(['a', 'b', 'c'].map(name => offer(name, 1, { mayHoldText: holders.some(peer => peer[41] === name) }))),
        minSeats: 3,
      })
      const seats = placement.kind === 'placed' ? placement.seats.map(({ peer }) => peer) : []
      expect([seats[0], seats.at(-1)].sort()).toEqual(holders.map(peer => peer[41]))
    }
  })

  it('costs no seat to a pool that has none of them', () => {
    const plain = planPlacement(input([offer('a', 1), offer('b', 1)]))
    expect(planPlacement(input([offer('a', 1, { mayHoldText: false }), offer('b', 1)]))).toEqual(plain)
  })
})

describe('two whose receipts did not meet', () => {
  it('are no neighbours again where others are there, and are where nobody else is', () => {
    const shell = createSwarmShell({ minSeats: 4, maxSeats: 4 })
    shell.happen({ type: 'boundary-broken', operators: [walletOf(a), walletOf(b)], atMs: 0 })
    for (const peer of [a, b, c, d]) shell.join(peer, 400)
    const order = shell.seats().map(seat => seat[0])
    const distance = Math.abs(order.indexOf('a') - order.indexOf('b'))
    expect(distance).toBe(2)
    const pair = createSwarmShell()
    pair.happen({ type: 'boundary-broken', operators: [walletOf(a), walletOf(b)], atMs: 0 })
    for (const peer of [a, b]) pair.join(peer)
    expect(pair.seats()).toHaveLength(2)
  })

  it('are forgiven after a day', () => {
    const place = (afterMs: number | null): string => {
      const shell = createSwarmShell({ minSeats: 4, maxSeats: 4 })
      if (afterMs !== null) {
        shell.happen({ type: 'boundary-broken', operators: [walletOf(a), walletOf(b)], atMs: 0 })
        shell.advance(afterMs)
      }
      for (const peer of [a, b, c, d]) shell.join(peer, 400)
      return shell.seats().join(' ')
    }
    expect(place(86_399_999)).not.toBe(place(null))
    expect(place(86_400_000)).toBe(place(null))
  })
})

function offer(
  peer: string,
  msPerLayer: number,
  change: { penalty?: number; memoryBudgetBytes?: number; mayHoldText?: boolean } = {},
) {
  return { peer, memoryBudgetBytes: 5000, msPerLayer, headMs: 1, ...change }
}

function input(peers: ReadonlyArray<ReturnType<typeof offer>>): PlacementInput {
  return {
    model: { layers: 8, layerBytes: 100, embeddingBytes: 50, headBytes: 50, kvBytesPerLayer: 10 },
    peers,
    linkMs: () => 5,
    minSeats: 2,
    maxSeats: 8,
    hopMs: 4,
    lapTolerance: 0.1,
  }
}

function layersOf(peers: ReadonlyArray<ReturnType<typeof offer>>, minSeats: number): number {
  const placement = planPlacement({ ...input(peers), minSeats })
  if (placement.kind !== 'placed') return 0
  return placement.seats
    .filter(({ peer }) => peer.startsWith('m'))
    .reduce((sum, { layers }) => sum + layers.end - layers.start, 0)
}
