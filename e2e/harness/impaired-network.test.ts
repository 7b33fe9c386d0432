import { stopNodeRtc } from '@computepool/node/links/node-rtc.ts'
import { defaultTransportLimits } from '@computepool/peer/links/transport-limits.ts'
import type { Transport } from '@computepool/shared/ports'
import { createManualClock, createSeededRandom, numberedFrame } from '@computepool/shared/testing'
import type { LinkSignal } from '@computepool/shared/wire'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type ImpairedPair, openImpairedPair, peerA, peerB } from './impaired-pair.ts'
import { createImpairedWay, type Impairment } from './impaired-way.ts'
import { candidateThrough, descriptionThrough } from './signals-through.ts'

function openWay(impairment: Partial<Impairment>, seed = 1) {
  const clock = createManualClock()
  const random = createSeededRandom(seed)
  const way = createImpairedWay({
    clock,
    random,
    impairment: { oneWayMs: 0, lossRate: 0, bitsPerSecond: null, ...impairment },
  })
  const arrivals: [packet: number, atMs: number][] = []
  let packet = 0
  const startMs = clock.monotonicMs()
  const send = (sizeBytes: number): void => {
    const number = packet++
    way.send(sizeBytes, () => arrivals.push([number, Math.round(clock.monotonicMs() - startMs)]))
  }
  return { clock, way, send, arrivals }
}

describe('one direction of a distance', () => {
  it('brings every packet after its delay, in order', async () => {
    const { clock, send, arrivals } = openWay({ oneWayMs: 50 })
    send(100)
    await clock.advance(10)
    send(100)
    await clock.advance(100)
    expect(arrivals).toEqual([
      [0, 50],
      [1, 60],
    ])
  })

  it('loses the packets that its seed chooses, and no others', async () => {
    const run = async (seed: number): Promise<readonly number[]> => {
      const { clock, way, send, arrivals } = openWay({ oneWayMs: 5, lossRate: 0.05 }, seed)
      for (let n = 0; n < 2000; n++) send(100)
      await clock.advance(10)
      expect(way.counts.arrived + way.counts.lost).toBe(2000)
      return arrivals.map(([packet]) => packet)
    }
    const first = await run(3)
    expect(2000 - first.length).toBeGreaterThan(60)
    expect(2000 - first.length).toBeLessThan(140)
    expect(await run(3)).toEqual(first)
    expect(await run(4)).not.toEqual(first)
  })

  it('lets a slow line carry one packet after another, and drops what its queue cannot hold', async () => {
    // 1,250 bytes with their headers take 1 ms at 10 Mbit/s.
    const { clock, way, send, arrivals } = openWay({ oneWayMs: 20, bitsPerSecond: 10_000_000 })
    for (let n = 0; n < 300; n++) send(1222)
    await clock.advance(1000)
    expect(arrivals.slice(0, 3)).toEqual([
      [0, 21],
      [1, 22],
      [2, 23],
    ])
    expect(way.counts.overflowed).toBe(300 - arrivals.length)
    expect(arrivals.length).toBe(201)
  })
})

describe('signals', () => {
  const through = { address: '192.0.2.9', port: 4000 }
  const ofLink = { epoch: 1, link: 0, toLink: null }
  const candidate = (text: string): LinkSignal & { type: 'candidate' } => ({
    type: 'candidate',
    ...ofLink,
    candidate: text,
    sdpMid: '0',
    sdpMLineIndex: 0,
  })

  it('name the network in place of the peer, and no way around it', () => {
    const told = candidateThrough(candidate('candidate:1 1 UDP 2122317823 10.0.0.7 5555 typ host'), through)
    expect(told?.candidate).toBe('candidate:1 1 UDP 2122317823 192.0.2.9 4000 typ host')
    const others = [
      'candidate:2 1 TCP 1 10.0.0.7 9 typ host tcptype active',
      'candidate:3 1 UDP 1 203.0.113.5 5555 typ srflx raddr 10.0.0.7 rport 5555',
    ]
    for (const other of others) expect(candidateThrough(candidate(other), through)).toBeNull()
    expect(candidateThrough(candidate(''), through)?.candidate).toBe('')
  })

  it('hide addresses that stand in a description', () => {
    const sdp = [
      'v=0',
      'a=candidate:1 1 UDP 9 10.0.0.7 5555 typ host',
      'a=candidate:1 1 UDP 8 10.1.0.7 5555 typ host',
      'a=mid:0',
      '',
    ].join('\r\n')
    const told = descriptionThrough({ type: 'description', ...ofLink, sdpType: 'offer', sdp }, through)
    expect(told.sdp.split('\r\n')).toEqual(['v=0', 'a=candidate:1 1 UDP 9 192.0.2.9 4000 typ host', 'a=mid:0', ''])
  })
})

describe('real peers with a distance between them', () => {
  const opened: ImpairedPair[] = []
  const open = async (impairment: Partial<Impairment>): Promise<ImpairedPair> => {
    const pair = await openImpairedPair({ seed: 11, impairment })
    opened.push(pair)
    return pair
  }
  afterEach(async () => {
    for (const pair of opened.splice(0)) await pair.close()
  })
  afterAll(() => stopNodeRtc())

  it('send every byte through it', async () => {
    const { network, a, b } = await open({ oneWayMs: 5 })
    const arrived = new Promise<Uint8Array>(resolve => b.onFrame((_, frame) => resolve(frame)))
    const frame = numberedFrame(1, 200_000)
    const before = network.counts(peerA, peerB).bytes
    await a.send(peerB, frame)
    expect(await arrived).toEqual(frame)
    expect(network.counts(peerA, peerB).bytes - before).toBeGreaterThan(frame.length)
    // Nothing passes where it lets nothing pass: there is no other way.
    network.change({ lossRate: 1 })
    const { arrived: arrivedThen } = network.counts(peerA, peerB)
    const late: number[] = []
    b.onFrame((_, { length }) => late.push(length))
    await a.send(peerB, numberedFrame(2, 3000))
    const { lost } = network.counts(peerA, peerB)
    await untilLost(() => network.counts(peerA, peerB).lost > lost + 1)
    expect([late, network.counts(peerA, peerB).arrived - arrivedThen < 4]).toEqual([[], true])
  })

  it('open more connections over distance, and none where they are near', async () => {
    const far = await open({ oneWayMs: 15 })
    const near = await open({ oneWayMs: 2 })
    for (const { a } of [far, near]) await a.send(peerB, numberedFrame(1, 100))
    await Promise.all([untilMeasured(far.a, 4), untilMeasured(near.a, 4)])
    expect([far.network.connections, near.network.connections]).toEqual([1 + defaultTransportLimits.lanes, 1])
    const arrived = new Promise<Uint8Array>(resolve => far.b.onFrame((_, frame) => resolve(frame)))
    await far.a.send(peerB, numberedFrame(1, 300_000))
    expect(await arrived).toEqual(numberedFrame(1, 300_000))
    expect(far.a.channelCounts.madeHere).toBe(2 + defaultTransportLimits.lanes)
  })

  it('get every frame once, over 20 ms and with each twentieth packet lost', async () => {
    const { network, a, b } = await open({ oneWayMs: 20, lossRate: 0.05, bitsPerSecond: 100_000_000 })
    const sent = Array.from({ length: 30 }, (_, n) => numberedFrame(n, 300 + 700 * n))
    const came: Uint8Array[] = []
    const all = new Promise<void>(resolve =>
      b.onFrame((_, frame) => {
        came.push(frame)
        if (came.length === sent.length) resolve()
      }),
    )
    for (const frame of sent) await a.send(peerB, frame)
    await all
    expect(came.sort((x, y) => x.length - y.length)).toEqual(sent)
    expect(network.counts(peerA, peerB).lost).toBeGreaterThan(5)
  })
})

/** The links' own measurements, one a second, are what they decide by. */
function untilMeasured(transport: Transport, times: number): Promise<void> {
  return new Promise(resolve => {
    let measured = 0
    transport.onLink(event => {
      if (event.type === 'link-measured' && ++measured === times) resolve()
    })
  })
}

/** Packets are sent again by the library's own timers, which nobody tells. */
async function untilLost(isLost: () => boolean): Promise<void> {
  while (!isLost()) await new Promise(resolve => setImmediate(resolve))
}
