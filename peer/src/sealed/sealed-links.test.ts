import { readPacketHeader } from '@computepool/shared/datagram'
import { ComputePoolError } from '@computepool/shared/errors'
import { createSeededRandom, numberedFrame } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import {
  gather,
  inOrder,
  makeSealedPair,
  openSealedPair,
  testPeer,
  testSecret,
  testWallet,
} from '../../testing/sealed-pair.ts'
import { createSealedTransport } from './index.ts'

describe('opening', () => {
  it.each(['init', 'reply', 'data'] as const)('survives that the first %s is lost', async type => {
    const pair = makeSealedPair({ delayMs: 20 })
    let isLost = false
    pair.net.onPosted((_, __, datagram) => {
      if (isLost || readPacketHeader(datagram)?.type !== type) return true
      isLost = true
      return false
    })
    pair.setBoth(1)
    await pair.clock.advance(3000)
    expect(isLost).toBe(true)
    expect([...pair.a.links(), ...pair.b.links()].map(link => link.isOpen)).toEqual([true, true])
  })

  it('works where one side has the assignment seconds before the other', async () => {
    for (const first of ['a', 'b'] as const) {
      const pair = makeSealedPair()
      const carriers = { a: pair.net.carrier(pair.peerA), b: pair.net.carrier(pair.peerB) }
      const set = (side: 'a' | 'b'): void => {
        const peer = side === 'a' ? pair.peerB : pair.peerA
        pair[side].setRoutes({ epoch: 4, routes: [{ peer, kind: 'axl', secret: testSecret, carrier: carriers[side] }] })
      }
      set(first)
      await pair.clock.advance(5000)
      set(first === 'a' ? 'b' : 'a')
      await pair.clock.advance(2000)
      expect([...pair.a.links(), ...pair.b.links()].map(link => link.isOpen)).toEqual([true, true])
    }
  })

  it('is told once at each end, with the round trip', async () => {
    const pair = await openSealedPair({ delayMs: 40 })
    await pair.clock.advance(500)
    const words = pair.events.map(({ at, event }) => `${at} ${event.type}`)
    expect(words.filter(word => word.endsWith('opened')).sort()).toEqual(['a link-opened', 'b link-opened'])
    await pair.clock.advance(2000)
    for (const side of [pair.a, pair.b]) {
      expect(side.links()[0]?.rttMs).toBeGreaterThanOrEqual(80)
      expect(side.links()[0]?.rttMs).toBeLessThan(100)
    }
  })

  it('gives up at its deadline, and with it what waited to be sent', async () => {
    const pair = makeSealedPair()
    pair.net.part(pair.peerA, pair.peerB)
    pair.setBoth(1)
    const waiting = expect(pair.a.send(pair.peerB, numberedFrame(1, 8))).rejects.toMatchObject({
      code: 'peer_unreachable',
    })
    await pair.clock.advance(20_000)
    await waiting
    expect(pair.clock.pending).toBe(0)
  })
})

describe('a link', () => {
  it('outlives a silence of five seconds and loses nothing', async () => {
    const pair = await openSealedPair({ delayMs: 20 })
    const arrived = gather(pair)
    pair.net.part(pair.peerA, pair.peerB)
    const sending = Array.from({ length: 50 }, (_, number) => pair.a.send(pair.peerB, numberedFrame(number, 5000)))
    await pair.clock.advance(5000)
    pair.net.heal(pair.peerA, pair.peerB)
    await pair.reach(Promise.all(sending))
    await pair.clock.advance(3000)
    expect(inOrder(arrived.b)).toEqual([...sending.keys()])
    expect(pair.closings()).toEqual([])
  })

  it('ends as this peer’s own fault where the layer above fails at a frame', async () => {
    const pair = await openSealedPair()
    pair.b.onFrame(() => {
      throw new Error('a slip of ours')
    })
    await pair.a.send(pair.peerB, numberedFrame(1, 100))
    await pair.clock.advance(500)
    expect(pair.closings()).toEqual(['b: bug_unreachable_state', 'a: peer_disconnected'])
  })

  it('that one end closes ends at the other at once', async () => {
    const pair = await openSealedPair({ delayMs: 20 })
    const closing = pair.a.close()
    await pair.clock.advance(100)
    await closing
    expect(pair.closings()).toEqual(['a: peer_disconnected', 'b: peer_disconnected'])
    expect(pair.clock.pending).toBe(0)
  })

  it('has its carrier try another way when nothing comes back', async () => {
    const pair = makeSealedPair()
    const carriers = { a: pair.net.carrier(pair.peerA), b: pair.net.carrier(pair.peerB) }
    const passed: string[] = []
    const passOver = (peer: string): void => {
      passed.push(peer)
      pair.net.heal(pair.peerA, pair.peerB)
    }
    pair.net.part(pair.peerA, pair.peerB)
    const twoWays = { ...carriers.a, passOver }
    pair.a.setRoutes({ epoch: 1, routes: [{ peer: pair.peerB, kind: 'axl', secret: testSecret, carrier: twoWays }] })
    pair.b.setRoutes({
      epoch: 1,
      routes: [{ peer: pair.peerA, kind: 'axl', secret: testSecret, carrier: { ...carriers.b, passOver } }],
    })
    await pair.clock.advance(5000)
    // The opener alone knows that something is due.
    expect(passed).toHaveLength(1)
    expect(pair.a.links()[0]?.isOpen).toBe(true)
    passed.length = 0
    pair.net.part(pair.peerA, pair.peerB)
    const arrived = gather(pair)
    await pair.a.send(pair.peerB, numberedFrame(7, 5000))
    await pair.clock.advance(5000)
    expect(passed).toHaveLength(1)
    expect(arrived.b).toEqual([7])
  })

  it('ends after eight seconds where its carrier knows that the peer cannot be reached', async () => {
    const pair = await openSealedPair()
    const a = pair.net.carrier(pair.peerA)
    let isRefused = false
    const post = async (to: string, datagram: Uint8Array): Promise<void> => {
      if (isRefused) throw new ComputePoolError('peer_unreachable', `No way to ${to}`)
      await a.post(to, datagram)
    }
    const ends = [
      [pair.a, pair.peerB, { ...a, post }],
      [pair.b, pair.peerA, pair.net.carrier(pair.peerB)],
    ] as const
    for (const [side, peer, carrier] of ends)
      side.setRoutes({ epoch: 2, routes: [{ peer, kind: 'axl', secret: testSecret, carrier }] })
    await pair.clock.advance(1000)
    const before = pair.closings().length
    pair.net.part(pair.peerA, pair.peerB)
    isRefused = true
    await pair.clock.advance(4000)
    // Once in between it does take something.
    isRefused = false
    await pair.clock.advance(2000)
    isRefused = true
    await pair.clock.advance(7000)
    expect(pair.closings().slice(before)).toEqual([])
    await pair.clock.advance(4000)
    expect(pair.closings().slice(before)).toEqual(['a: peer_disconnected'])
  })

  it('ends at both ends after a minute of it', async () => {
    const pair = await openSealedPair()
    pair.net.part(pair.peerA, pair.peerB)
    await pair.clock.advance(59_000)
    expect(pair.closings()).toEqual([])
    await pair.clock.advance(2500)
    expect(pair.closings().sort()).toEqual(['a: peer_disconnected', 'b: peer_disconnected'])
    expect(pair.clock.pending).toBe(0)
  })

  it('ends sooner at work, but not while the other side may load', async () => {
    const pair = await openSealedPair()
    const work = async (durationMs: number): Promise<void> => {
      for (let ms = 0; ms < durationMs; ms += 100) {
        pair.a.send(pair.peerB, numberedFrame(ms, 100)).catch(() => {})
        await pair.clock.advance(100)
      }
    }
    await work(5000)
    pair.net.part(pair.peerA, pair.peerB)
    pair.setBoth(2)
    await pair.clock.advance(20_000)
    expect(pair.closings()).toEqual([])
    pair.net.heal(pair.peerA, pair.peerB)
    await work(5000)
    pair.net.part(pair.peerA, pair.peerB)
    await work(11_000)
    expect(pair.closings()).toContain('a: peer_disconnected')
  })

  it('stays open for hours with nothing to say', async () => {
    const pair = await openSealedPair({ seed: 2, lossRate: 0.1 })
    const before = pair.net.counts.posted
    await pair.clock.advance(600_000)
    expect(pair.closings()).toEqual([])
    // A ping and its ack a second, each way.
    expect(pair.net.counts.posted - before).toBeLessThan(600 * 6)
  })

  it('has its carrier poll tightly only while frames pass', async () => {
    const pair = await openSealedPair()
    await pair.clock.advance(5250)
    expect([pair.net.isBusy(pair.peerA), pair.net.isBusy(pair.peerB)]).toEqual([false, false])
    await pair.a.send(pair.peerB, numberedFrame(1, 100))
    await pair.clock.advance(100)
    expect([pair.net.isBusy(pair.peerA), pair.net.isBusy(pair.peerB)]).toEqual([true, true])
    await pair.clock.advance(5250)
    expect([pair.net.isBusy(pair.peerA), pair.net.isBusy(pair.peerB)]).toEqual([false, false])
  })

  it('measures what it carries, from frames that are large enough', async () => {
    const pair = await openSealedPair({ delayMs: 10 })
    const rate = (): number | null | undefined => pair.a.links()[0]?.bytesPerSecond
    await pair.reach(pair.a.send(pair.peerB, numberedFrame(1, 5000)))
    await pair.clock.advance(200)
    expect(rate()).toBeNull()
    await pair.reach(pair.a.send(pair.peerB, numberedFrame(1, 1 << 20)))
    await pair.clock.advance(500)
    expect(rate()).toBeGreaterThan(1e6)
  })

  it('is not closed because its own host slept', async () => {
    const pair = await openSealedPair()
    const { clock } = pair
    // A clock that jumps a minute at once: what is due runs late, and packets of the minute never came.
    const slept = createSealedTransport({
      self: testPeer(5),
      key: testWallet(5),
      clock: { ...clock, monotonicMs: () => clock.monotonicMs() + jumpMs, schedule: clock.schedule },
      entropy: createSeededRandom(5),
    })
    let jumpMs = 0
    const routes = [
      { peer: testPeer(5), kind: 'axl' as const, secret: testSecret, carrier: pair.net.carrier(pair.peerA) },
    ]
    pair.a.setRoutes({ epoch: 2, routes })
    const own = pair.net.carrier(testPeer(5))
    slept.setRoutes({ epoch: 2, routes: [{ peer: pair.peerA, kind: 'axl', secret: testSecret, carrier: own }] })
    await clock.advance(1000)
    expect(slept.links()[0]?.isOpen).toBe(true)
    jumpMs = 60_000
    await clock.advance(3000)
    expect(slept.links()[0]?.isOpen).toBe(true)
  })
})
