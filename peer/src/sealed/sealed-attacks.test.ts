import { readPacketHeader } from '@computepool/shared/datagram'
import { createLossyNet, createManualClock, createSeededRandom, numberedFrame } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import {
  makeSealedPair,
  openSealedPair,
  type SealedPair,
  testPeer,
  testSecret,
  testWallet,
} from '../../testing/sealed-pair.ts'
import { createSealedTransport } from './index.ts'

/** Every datagram that was posted, as somebody on the way sees it. */
function overhear(pair: SealedPair) {
  const heard: { from: string; to: string; datagram: Uint8Array; type: string | undefined }[] = []
  pair.net.onPosted((from, to, datagram) => {
    heard.push({ from, to, datagram, type: readPacketHeader(datagram)?.type })
    return true
  })
  return heard
}

/** The link works: a frame there, a frame back, each once, and nothing was closed. */
async function expectRunning(pair: SealedPair): Promise<void> {
  const seen: string[] = []
  const stops = [
    pair.b.onFrame((from, frame) => seen.push(`b ${from === pair.peerA} ${frame.length}`)),
    pair.a.onFrame((from, frame) => seen.push(`a ${from === pair.peerB} ${frame.length}`)),
  ]
  await pair.reach(pair.a.send(pair.peerB, numberedFrame(1, 5000)))
  await pair.reach(pair.b.send(pair.peerA, numberedFrame(2, 120)))
  await pair.clock.advance(200)
  for (const stop of stops) stop()
  expect(seen.sort()).toEqual(['a true 120', 'b true 5000'])
  expect(pair.closings()).toEqual([])
}

describe('somebody on the way', () => {
  it('cannot have a packet taken twice', async () => {
    const pair = await openSealedPair()
    const heard = overhear(pair)
    const frames: number[] = []
    pair.b.onFrame((_, frame) => frames.push(frame.length))
    await pair.reach(pair.a.send(pair.peerB, numberedFrame(1, 5000)))
    await pair.clock.advance(50)
    for (const { from, to, datagram } of [...heard]) pair.net.inject(from, to, datagram)
    await pair.clock.advance(50)
    expect(frames).toEqual([5000])
    expect(pair.b.counts.duplicates).toBeGreaterThan(0)
    await expectRunning(pair)
  })

  it('cannot change a byte', async () => {
    const pair = await openSealedPair()
    const heard = overhear(pair)
    const frames: number[] = []
    pair.b.onFrame((_, frame) => frames.push(frame.length))
    pair.net.part(pair.peerA, pair.peerB)
    void pair.a.send(pair.peerB, numberedFrame(1, 100))
    await pair.clock.advance(1)
    const packet = heard.find(({ from }) => from === pair.peerA)!.datagram
    for (let index = 0; index < packet.length; index += 1) {
      const changed = packet.slice()
      changed[index] = (changed[index] ?? 0) ^ 1
      pair.net.inject(pair.peerA, pair.peerB, changed)
    }
    await pair.clock.advance(1)
    expect(frames).toEqual([])
    pair.net.heal(pair.peerA, pair.peerB)
    await pair.clock.advance(3000)
    expect(frames).toEqual([100])
    await expectRunning(pair)
  })

  it('cannot turn a packet around, nor pass it on to a third', async () => {
    const pair = await openSealedPair()
    const heard = overhear(pair)
    await pair.reach(pair.a.send(pair.peerB, numberedFrame(1, 5000)))
    const packet = heard.find(({ from }) => from === pair.peerA)!.datagram
    const before = pair.a.counts
    pair.net.inject(pair.peerB, pair.peerA, packet)
    pair.net.inject(testPeer(3), pair.peerA, packet)
    expect(pair.a.counts.forged + pair.a.counts.duplicates).toBe(before.forged + before.duplicates + 1)
    expect(pair.a.counts.strayDatagrams).toBe(before.strayDatagrams + 1)
    await expectRunning(pair)
  })

  it('cannot restart a running link with an old handshake', async () => {
    const pair = makeSealedPair()
    const heard = overhear(pair)
    pair.setBoth(1)
    await pair.clock.advance(200)
    const handshakes = heard.filter(({ type }) => type === 'init' || type === 'reply')
    expect(new Set(handshakes.map(({ type }) => type))).toEqual(new Set(['init', 'reply']))
    const posted = pair.net.counts.posted
    for (const { from, to, datagram } of handshakes) pair.net.inject(from, to, datagram)
    await pair.clock.advance(1)
    expect(pair.net.counts.posted).toBe(posted)
    expect(pair.a.counts.refusedHandshakes + pair.b.counts.refusedHandshakes).toBe(handshakes.length)
    await expectRunning(pair)
  })

  it('cannot open a link with an opening that it has heard', async () => {
    const pair = makeSealedPair()
    const heard = overhear(pair)
    pair.net.part(pair.peerA, pair.peerB)
    pair.setBoth(1)
    await pair.clock.advance(150)
    const opener = pair.peerA < pair.peerB ? pair.peerA : pair.peerB
    const answerer = opener === pair.peerA ? pair.peerB : pair.peerA
    const init = heard.find(({ type }) => type === 'init')!
    pair.net.inject(opener, answerer, init.datagram)
    await pair.clock.advance(100)
    expect(heard.filter(({ type }) => type === 'reply')).toHaveLength(1)
    expect([...pair.a.links(), ...pair.b.links()].map(link => link.isOpen)).toEqual([false, false])
    await pair.clock.advance(20_000)
    expect(pair.closings().sort()).toEqual(['a: peer_unreachable', 'b: peer_unreachable'])
    expect(pair.clock.pending).toBe(0)
  })

  it('cannot stop a link with garbage, however much', async () => {
    const pair = await openSealedPair()
    const random = createSeededRandom(5)
    const heard = overhear(pair)
    await pair.reach(pair.a.send(pair.peerB, numberedFrame(1, 100)))
    // The header of a packet that may come yet.
    const head = heard[0]!.datagram.slice(0, 17)
    head[9] = 200
    const before = pair.b.counts
    for (let count = 0; count < 5000; count += 1) {
      const garbage = random.bytes(random.int(300))
      if (count % 2 === 0) garbage.set(head.subarray(0, garbage.length))
      if (count % 3 === 0 && garbage.length > 0) garbage[0] = 1 + random.int(3)
      pair.net.inject(pair.peerA, pair.peerB, garbage)
      pair.net.inject(pair.peerB, pair.peerA, garbage)
    }
    expect(pair.b.counts.forged).toBeGreaterThan(before.forged + 500)
    expect(pair.b.counts.refusedHandshakes).toBeGreaterThan(before.refusedHandshakes + 100)
    expect(pair.b.counts.strayDatagrams).toBeGreaterThan(1000)
    await expectRunning(pair)
  })

  it('cannot have a datagram looked at that is larger than the carrier takes', async () => {
    const pair = await openSealedPair({ maxDatagramBytes: 20_000 })
    const heard = overhear(pair)
    await pair.reach(pair.a.send(pair.peerB, numberedFrame(1, 100)))
    const huge = new Uint8Array(17 << 20)
    huge.set(heard[0]!.datagram)
    const { forged, strayDatagrams } = pair.b.counts
    pair.net.inject(pair.peerA, pair.peerB, huge)
    expect(pair.b.counts).toMatchObject({ forged, strayDatagrams: strayDatagrams + 1 })
    await expectRunning(pair)
  })

  it.each([200, 2000])(
    'cannot keep two peers apart by %i forged openings a second, nor have one blamed',
    async rate => {
      const pair = makeSealedPair()
      const heard = overhear(pair)
      pair.net.part(pair.peerA, pair.peerB)
      pair.setBoth(1)
      await pair.clock.advance(10)
      const random = createSeededRandom(9)
      const flood = async (durationMs: number): Promise<void> => {
        const { from, to, datagram } = heard.findLast(({ type }) => type === 'init')!
        for (let ms = 0; ms < durationMs; ms += 5) {
          for (let count = 0; count < rate / 200; count += 1) {
            const forged = datagram.slice()
            // Every third names another version.
            forged.set(random.bytes(forged.length - 18), count % 3 === 0 ? 17 : 18)
            pair.net.inject(from, to, forged)
          }
          await pair.clock.advance(5)
        }
      }
      await flood(15_000)
      pair.net.heal(pair.peerA, pair.peerB)
      await flood(1500)
      expect([...pair.a.links(), ...pair.b.links()].map(link => link.isOpen)).toEqual([true, true])
      await expectRunning(pair)
      // Where the peer stays away, its absence is told, not what strangers said.
      pair.lose('a')
      pair.lose('b')
      pair.net.part(pair.peerA, pair.peerB)
      pair.setBoth(2)
      await pair.clock.advance(10)
      await flood(20_500)
      expect(pair.closings().slice(-2)).toEqual(['a: peer_unreachable', 'b: peer_unreachable'])
    },
  )
})

/** `honest` and `rogue` are linked to the same peer; the rogue says it is `claimed` and signs with `wallet`. */
function openRogue(claimed: number, target: number, wallet: number) {
  const clock = createManualClock()
  const net = createLossyNet({ clock })
  const open = (self: number, key: number) =>
    createSealedTransport({ self: testPeer(self), key: testWallet(key), clock, entropy: createSeededRandom(self) })
  const victim = open(target, target)
  const rogue = open(claimed, wallet)
  const honest = open(7, 7)
  const closings: string[] = []
  victim.onLink(event => {
    if (event.type === 'link-closed') closings.push(`${event.peer === testPeer(claimed)} ${event.error.code}`)
  })
  const carrier = net.carrier(testPeer(target))
  const others = [claimed, 7].map(number => ({
    peer: testPeer(number),
    kind: 'axl' as const,
    secret: testSecret,
    carrier,
  }))
  victim.setRoutes({ epoch: 1, routes: others })
  for (const [transport, self] of [
    [rogue, claimed],
    [honest, 7],
  ] as const) {
    const routes = [
      { peer: testPeer(target), kind: 'axl' as const, secret: testSecret, carrier: net.carrier(testPeer(self)) },
    ]
    transport.setRoutes({ epoch: 1, routes })
  }
  return { clock, victim, rogue, honest, closings }
}

describe('a peer that does not have the wallet of its name', () => {
  const [smaller, larger] = testPeer(1) < testPeer(2) ? [1, 2] : [2, 1]

  it.each([
    ['opens', smaller, larger],
    ['answers', larger, smaller],
  ])('is refused by name where it %s, and harms nobody', async (_, claimed, target) => {
    const { clock, victim, rogue, honest, closings } = openRogue(claimed, target, 3)
    await clock.advance(1000)
    const isOpen = (peer: string): boolean | undefined => victim.links().find(link => link.peer === peer)?.isOpen
    expect([isOpen(testPeer(claimed)), isOpen(testPeer(7))]).toEqual([false, true])
    expect(rogue.links()[0]?.isOpen).toBe(false)
    await clock.advance(20_000)
    expect(closings).toEqual(['true peer_unauthenticated'])
    const frames: string[] = []
    victim.onFrame((from, frame) => frames.push(`${from === testPeer(7)} ${frame.length}`))
    await honest.send(testPeer(target), numberedFrame(1, 5000))
    await clock.advance(100)
    expect(frames).toEqual(['true 5000'])
  })

  it('would be linked with it', async () => {
    const { clock, victim } = openRogue(smaller, larger, smaller)
    await clock.advance(1000)
    expect(victim.links().map(link => link.isOpen)).toEqual([true, true])
  })
})

describe('a peer of another assignment', () => {
  it('is not linked until both have the same', async () => {
    const pair = makeSealedPair()
    const heard = overhear(pair)
    pair.setBoth(1)
    await pair.clock.advance(200)
    const old = [...heard]
    pair.lose('a')
    pair.lose('b')
    const closings = pair.closings()
    pair.setBoth(2)
    await pair.clock.advance(200)
    const { strayDatagrams } = pair.b.counts
    const forB = old.filter(({ to }) => to === pair.peerB)
    for (const { from, to, datagram } of forB) pair.net.inject(from, to, datagram)
    expect(pair.b.counts.strayDatagrams).toBe(strayDatagrams + forB.length)
    expect(pair.closings()).toEqual(closings)
    expect([...pair.a.links(), ...pair.b.links()].map(link => link.isOpen)).toEqual([true, true])
  })

  it('ends no link that was kept, and has no packet of it taken twice', async () => {
    const pair = makeSealedPair()
    const heard = overhear(pair)
    const frames: number[] = []
    pair.b.onFrame((_, frame) => frames.push(frame.length))
    pair.setBoth(1)
    await pair.clock.advance(200)
    await pair.reach(pair.a.send(pair.peerB, numberedFrame(1, 3000)))
    await pair.clock.advance(200)
    pair.setBoth(2)
    await pair.clock.advance(200)
    const init = heard.find(({ type }) => type === 'init')!
    const asOfNow = makeSealedPair()
    const seen = overhear(asOfNow)
    asOfNow.setBoth(2)
    await asOfNow.clock.advance(200)
    const { datagram: current } = seen.find(({ type }) => type === 'init')!
    for (const { from, to, datagram } of [...heard]) {
      pair.net.inject(from, to, datagram)
      // In the session of the assignment that holds now, without its secret.
      const forged = init.datagram.slice()
      forged.set(current.subarray(1, 9), 1)
      pair.net.inject(from, to, forged)
      const want = forged.slice(0, 34)
      want[0] = 4
      pair.net.inject(from, to, want)
    }
    await pair.clock.advance(200)
    expect(frames).toEqual([3000])
    expect(pair.b.counts.duplicates).toBeGreaterThan(0)
    await expectRunning(pair)
  })
})

describe('a peer that breaks the rules inside its seal', () => {
  it('is closed by name where its frame is too large', async () => {
    const clock = createManualClock()
    const net = createLossyNet({ clock })
    const open = (self: number, maxFrameBytes: number) =>
      createSealedTransport({
        self: testPeer(self),
        key: testWallet(self),
        clock,
        entropy: createSeededRandom(self),
        limits: { maxFrameBytes },
      })
    const [greedy, modest] = [open(1, 1 << 20), open(2, 1000)]
    greedy.setRoutes({
      epoch: 1,
      routes: [{ peer: testPeer(2), kind: 'axl', secret: testSecret, carrier: net.carrier(testPeer(1)) }],
    })
    modest.setRoutes({
      epoch: 1,
      routes: [{ peer: testPeer(1), kind: 'axl', secret: testSecret, carrier: net.carrier(testPeer(2)) }],
    })
    await clock.advance(1000)
    const codes: string[] = []
    modest.onLink(event => event.type === 'link-closed' && codes.push(event.error.code))
    greedy.onLink(event => event.type === 'link-closed' && codes.push(event.error.code))
    await greedy.send(testPeer(2), numberedFrame(1, 5000))
    await clock.advance(1000)
    expect(codes).toEqual(['peer_frame_too_large', 'peer_disconnected'])
    expect(modest.held).toEqual({ unackedBytes: 0, pendingBytes: 0, packets: 0 })
  })
})
