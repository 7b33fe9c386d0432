import { createLossyNet, createManualClock, createSeededRandom, numberedFrame } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import {
  gather,
  inOrder,
  nothingHeld,
  openSealedPair,
  testPeer,
  testSecret,
  testWallet,
} from '../../testing/sealed-pair.ts'
import { createSealedTransport } from './index.ts'

describe('frames', () => {
  it.each([1, 2, 3])('arrive once each, by the thousand, on a bad network (seed %i)', async seed => {
    const pair = await openSealedPair({ seed, delayMs: 20, jitterMs: 60, lossRate: 0.05, duplicateRate: 0.05 })
    const arrived = gather(pair)
    const random = createSeededRandom(seed)
    const sizes = Array.from({ length: 2000 }, () => (random.int(40) === 0 ? 150_000 : 4 + random.int(6000)))
    const sending = sizes.flatMap((size, number) => [
      pair.a.send(pair.peerB, numberedFrame(number, size)),
      pair.b.send(pair.peerA, numberedFrame(number, 4 + (size % 300))),
    ])
    await pair.reach(Promise.all(sending))
    await pair.clock.advance(5000)
    const all = [...sizes.keys()]
    expect(inOrder(arrived.b)).toEqual(all)
    expect(inOrder(arrived.a)).toEqual(all)
    expect(pair.net.counts.lost).toBeGreaterThan(50)
    // A ping may be under way.
    const noBytes = { unackedBytes: 0, pendingBytes: 0 }
    expect([pair.a.held, pair.b.held]).toMatchObject([noBytes, noBytes])
    await pair.close()
    expect(pair.clock.pending).toBe(0)
  })

  it('arrive once each where the receiver’s queue overflows', async () => {
    const pair = await openSealedPair({ seed: 9, delayMs: 2, queueLength: 5, pollMs: 30 })
    const arrived = gather(pair)
    const sending = Array.from({ length: 500 }, (_, number) => pair.a.send(pair.peerB, numberedFrame(number, 20_000)))
    await pair.reach(Promise.all(sending))
    await pair.clock.advance(10_000)
    expect(pair.net.counts.overflowed).toBeGreaterThan(10)
    expect(inOrder(arrived.b)).toEqual([...sending.keys()])
    expect(pair.closings()).toEqual([])
  })

  it('of many peers do not overflow one queue', async () => {
    const clock = createManualClock()
    const net = createLossyNet({ clock, delayMs: 2, queueLength: 100, pollMs: 20 })
    const open = (number: number) =>
      createSealedTransport({
        self: testPeer(number),
        key: testWallet(number),
        clock,
        entropy: createSeededRandom(number),
      })
    const hub = open(1)
    const others = Array.from({ length: 8 }, (_, index) => index + 2)
    const transports = others.map(open)
    const carrier = net.carrier(testPeer(1))
    hub.setRoutes({
      epoch: 1,
      routes: others.map(number => ({ peer: testPeer(number), kind: 'axl', secret: testSecret, carrier })),
    })
    transports.forEach((transport, index) => {
      const own = net.carrier(testPeer(others[index]!))
      transport.setRoutes({ epoch: 1, routes: [{ peer: testPeer(1), kind: 'axl', secret: testSecret, carrier: own }] })
    })
    await clock.advance(2000)
    let arrived = 0
    hub.onFrame(() => {
      arrived += 1
    })
    const sending = transports.flatMap(transport =>
      Array.from({ length: 60 }, (_, number) => transport.send(testPeer(1), numberedFrame(number, 20_000))),
    )
    await clock.advance(30_000)
    await Promise.all(sending)
    expect(arrived).toBe(480)
    expect(net.counts.overflowed).toBe(0)
  })

  it('that are small pass one that is large', async () => {
    const pair = await openSealedPair({ delayMs: 10 })
    const sizes: number[] = []
    pair.b.onFrame((_, frame) => sizes.push(frame.length))
    const prompt = pair.a.send(pair.peerB, numberedFrame(1, 1 << 20))
    const token = pair.a.send(pair.peerB, numberedFrame(2, 120))
    await pair.reach(Promise.all([prompt, token]))
    await pair.clock.advance(500)
    expect(sizes).toEqual([120, 1 << 20])
  })

  it('of an activation’s size travel in one datagram, and small ones together', async () => {
    const pair = await openSealedPair()
    await pair.clock.advance(100)
    const before = pair.a.counts.sentPackets
    await pair.a.send(pair.peerB, numberedFrame(1, 5000))
    expect(pair.a.counts.sentPackets).toBe(before + 1)
    pair.net.part(pair.peerA, pair.peerB)
    const posted = pair.net.counts.posted
    const burst = Array.from({ length: 400 }, (_, number) => pair.a.send(pair.peerB, numberedFrame(number, 100)))
    pair.net.heal(pair.peerA, pair.peerB)
    await pair.reach(Promise.all(burst))
    await pair.clock.advance(3000)
    expect(pair.net.counts.posted - posted).toBeLessThan(100)
  })

  it('wait while the window is full, within a bound of memory', async () => {
    const pair = await openSealedPair()
    pair.net.part(pair.peerA, pair.peerB)
    let sent = 0
    for (let number = 0; number < 20; number += 1) {
      void pair.a.send(pair.peerB, numberedFrame(number, 1 << 20)).then(
        () => {
          sent += 1
        },
        () => {},
      )
    }
    await pair.clock.advance(5000)
    expect(sent).toBe(0)
    expect(pair.a.held.unackedBytes).toBeLessThanOrEqual(32 * 62_000)
    await pair.clock.advance(61_000)
    expect(pair.a.held).toEqual(nothingHeld)
  })

  it('that came in part are forgotten with the link', async () => {
    const pair = await openSealedPair({ delayMs: 20 })
    pair.a.send(pair.peerB, numberedFrame(1, 1 << 20)).catch(() => {})
    await pair.clock.advance(50)
    pair.net.part(pair.peerA, pair.peerB)
    await pair.clock.advance(100)
    expect(pair.b.held.pendingBytes).toBe(1 << 20)
    expect(pair.a.held.packets).toBeGreaterThan(0)
    await pair.clock.advance(61_000)
    expect(pair.closings()).toHaveLength(2)
    expect([pair.a.held, pair.b.held]).toEqual([nothingHeld, nothingHeld])
  })

  it('do not wait for slow acks while the window is small', async () => {
    const pair = await openSealedPair({ limits: { maxWindow: 2 } })
    const sending = Promise.all(
      Array.from({ length: 20 }, (_, number) => pair.a.send(pair.peerB, numberedFrame(number, 60_000))),
    )
    const arrived = gather(pair)
    // Two a round trip of 2 ms; with acks after 15 ms it would take 150.
    await pair.clock.advance(40)
    expect(arrived.b).toHaveLength(20)
    await sending
  })

  it('are acknowledged together, or by the answer', async () => {
    const pair = await openSealedPair()
    // Past the first ping.
    await pair.clock.advance(100)
    const before = pair.b.counts.sentPackets
    for (let number = 0; number < 3; number += 1) await pair.a.send(pair.peerB, numberedFrame(number, 5000))
    await pair.clock.advance(10)
    expect(pair.b.counts.sentPackets).toBe(before)
    await pair.clock.advance(10)
    expect(pair.b.counts.sentPackets).toBe(before + 1)
    expect(pair.a.held.packets).toBe(0)
    pair.b.onFrame(() => void pair.b.send(pair.peerA, numberedFrame(9, 120)))
    await pair.a.send(pair.peerB, numberedFrame(8, 5000))
    await pair.clock.advance(5)
    expect(pair.b.counts.sentPackets).toBe(before + 2)
    expect(pair.a.held.packets).toBe(0)
  })

  it('are given up before their first byte where the caller wants that', async () => {
    const pair = await openSealedPair()
    pair.net.part(pair.peerA, pair.peerB)
    const burst = Array.from({ length: 8 }, (_, number) => pair.a.send(pair.peerB, numberedFrame(number, 1 << 20)))
    for (const each of burst) each.catch(() => {})
    const abort = new AbortController()
    const given = pair.a.send(pair.peerB, numberedFrame(9, 1 << 20), abort.signal)
    abort.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
    await expect(pair.a.send(pair.peerB, numberedFrame(9, 8), abort.signal)).rejects.toThrow('enough')
    await pair.close()
  })
})
