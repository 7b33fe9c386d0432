import { hostClock, hostEntropy } from '@computepool/peer/host.ts'
import { createSealedTransport, type SealedTransport } from '@computepool/peer/sealed/index.ts'
import { testPeer, testWallet } from '@computepool/peer/testing/sealed-pair.ts'
import { numberedFrame, type TransportPair, transportContract } from '@computepool/shared/testing'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type AxlStandIn,
  type AxlStandInDaemon,
  type AxlStandInOptions,
  startAxlStandIn,
} from '../../testing/axl-stand-in.ts'
import { type AxlCarrier, createAxlCarrier } from './axl-carrier.ts'
import { createAxlClient } from './axl-client.ts'

const maxFrameBytes = 1 << 20

interface AxlPair extends TransportPair {
  readonly a: SealedTransport
  readonly b: SealedTransport
  readonly carriers: readonly [AxlCarrier, AxlCarrier]
  readonly daemons: readonly [AxlStandInDaemon, AxlStandInDaemon]
  readonly overlay: AxlStandIn
}

let open: AxlPair | null = null
afterEach(async () => {
  await open?.close()
  open = null
})

const untilTrue = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise(resolve => setTimeout(resolve, 1))
}

async function openPair(options: AxlStandInOptions = {}): Promise<AxlPair> {
  const overlay = startAxlStandIn(options)
  const daemons = [await overlay.startDaemon(), await overlay.startDaemon()] as const
  const ends = daemons.map((daemon, index) => {
    const number = index + 1
    const self = testPeer(number)
    const client = createAxlClient({ url: daemon.url })
    const carrier = createAxlCarrier({ self, client, clock: hostClock })
    const peer = testPeer(3 - number)
    carrier.setRoutes([{ peer, paths: [{ kind: 'axl', key: daemons[1 - index]!.key }] }])
    const transport = createSealedTransport({
      self,
      key: testWallet(number),
      clock: hostClock,
      entropy: hostEntropy,
      limits: { maxFrameBytes, silenceLimitMs: 3000 },
    })
    transport.setRoutes({ epoch: 1, routes: [{ peer, kind: 'axl', secret: '5e'.repeat(16), carrier }] })
    return { carrier, transport }
  })
  const [a, b] = ends as [(typeof ends)[0], (typeof ends)[0]]
  open = {
    a: a.transport,
    b: b.transport,
    carriers: [a.carrier, b.carrier],
    daemons,
    overlay,
    peerA: testPeer(1),
    peerB: testPeer(2),
    maxFrameBytes,
    reach: promise => promise,
    refresh: async () => {},
    async cut() {
      overlay.partition(...daemons)
    },
    async close() {
      for (const { carrier, transport } of [a, b]) {
        await transport.close()
        await carrier.close()
      }
      await overlay.close()
    },
  }
  await untilTrue(() => ends.every(({ transport }) => transport.links().some(link => link.isOpen)))
  return open
}

const networks: [string, AxlStandInOptions][] = [
  ['AXL', {}],
  [
    'AXL with 5 % loss, re-ordering, 40 ms and a dial of 10 ms',
    { seed: 6, lossRate: 0.05, delayMs: 40, jitterMs: 30, dialMs: 10 },
  ],
]

describe.each(networks)('the transport contract, sealed, over the stand-in for %s', (_, options) => {
  // Two ends whose network is gone are told of it by silence, of 3 s here.
  it.each(transportContract.map(entry => [entry.name, entry] as const))('%s', async (_name, entry) => {
    const pair = await openPair(options)
    await entry.run(pair)
    expect(pair.daemons[1].counts.handedOut).toBeGreaterThan(0)
  })
})

describe('a sealed link over AXL', () => {
  it('keeps under the queue of a daemon by itself', async () => {
    const pair = await openPair()
    const release = pair.daemons[1].stall()
    const sends = Array.from({ length: 200 }, (_, index) => pair.a.send(pair.peerB, numberedFrame(index, 60_000)))
    const got: number[] = []
    pair.b.onFrame((_, frame) => got.push(frame.length))
    await untilTrue(() => pair.daemons[1].queueLength > 0)
    // As long as a window takes to fill and time out, by the count of what was sent.
    await untilTrue(() => pair.a.counts.probes > 0)
    expect(pair.daemons[1].counts.dropped).toBe(0)
    release()
    await Promise.all(sends)
    await untilTrue(() => got.length === 200)
    expect(pair.daemons[1].counts.dropped).toBe(0)
  })

  it('recovers what others’ messages push out of the queue', async () => {
    const pair = await openPair()
    const got: Uint8Array[] = []
    pair.b.onFrame((_, frame) => got.push(frame))
    const stranger = await pair.overlay.startDaemon()
    const flood = createAxlClient({ url: stranger.url })
    const release = pair.daemons[1].stall()
    const frames = Array.from({ length: 10 }, (_, index) => numberedFrame(index, 20_000))
    const sends = frames.map(frame => pair.a.send(pair.peerB, frame))
    await untilTrue(() => pair.daemons[1].queueLength > 0)
    for (let index = 0; index < 150; index += 1) await flood.send(pair.daemons[1].key, new Uint8Array(10).fill(1))
    flood.close()
    expect(pair.daemons[1].counts.dropped).toBeGreaterThan(0)
    release()
    await Promise.all(sends)
    await untilTrue(() => got.length === frames.length)
    const sorted = got.toSorted((x, y) => x[0]! - y[0]!)
    for (const [index, frame] of frames.entries()) expect(Buffer.compare(sorted[index]!, frame)).toBe(0)
    expect(pair.carriers[1].counts.foreign).toBeGreaterThan(0)
    expect(pair.a.counts.lostPackets).toBeGreaterThan(0)
    await untilTrue(() => [pair.a, pair.b].every(end => Object.values(end.held).every(held => held === 0)))
  })

  it('outlasts a daemon that is started again', async () => {
    const pair = await openPair()
    const [, far] = pair.daemons
    await far.stop()
    const sending = pair.a.send(pair.peerB, numberedFrame(1, 5000))
    const arrived = new Promise<void>(resolve => pair.b.onFrame(() => resolve()))
    await far.start()
    await sending
    await arrived
  })
})
