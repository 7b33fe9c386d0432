import { decodeParcel, encodeParcel } from '@computepool/shared/datagram'
import type { LinkEvent } from '@computepool/shared/ports'
import { createLossyNet, createManualClock, createSeededRandom, numberedFrame } from '@computepool/shared/testing'
import type { LinkPath, PeerId } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { createFakeRtcNet } from '../../testing/fake-rtc-net.ts'
import { testPeer, testSecret, testWallet } from '../../testing/sealed-pair.ts'
import type { RoutedCarrier } from '../sealed/sealed-member.ts'
import type { CombinedTransport } from './combine-transports.ts'
import { openPeerTransport } from './open-peer-transport.ts'
import { createRtcTransport, type RtcTransport } from './rtc-transport.ts'

const [peerA, peerB, relay] = [testPeer(1), testPeer(2), testPeer(3)]
const byWebrtc: LinkPath = { kind: 'webrtc' }
const byRelay: LinkPath = { kind: 'relay', via: relay, key: null }
const byAxl: LinkPath = { kind: 'axl', key: 'd'.repeat(64) }

/** Two peers, and a relay between them that passes parcels on and nothing else. */
function openRing() {
  const clock = createManualClock()
  const net = createFakeRtcNet({ clock })
  const lossy = createLossyNet({ clock, delayMs: 3 })
  const rtcOf = (self: PeerId): RtcTransport => createRtcTransport({ self, port: net.port(self), clock })
  const middle = rtcOf(relay)
  const passed: string[] = []
  middle.onFrame((_, frame) => {
    for (const entry of decodeParcel(frame) ?? []) {
      passed.push(entry.to)
      middle.send(entry.to, encodeParcel([entry])).catch(() => {})
    }
  })
  const open = (number: number): CombinedTransport => {
    const self = testPeer(number)
    const axl: RoutedCarrier = { ...lossy.carrier(self), setRoutes: () => {} }
    const entropy = createSeededRandom(number)
    return openPeerTransport({ self, key: testWallet(number), clock, entropy, rtc: rtcOf(self), axl })
  }
  const ends = new Map<PeerId, CombinedTransport>([
    [peerA, open(1)],
    [peerB, open(2)],
  ])
  for (const [self, end] of ends) {
    end.onSignal((to, signal) => (ends.get(to) ?? middle).handleSignal(self, signal))
  }
  middle.onSignal((to, signal) => ends.get(to)?.handleSignal(relay, signal))
  const [a, b] = [ends.get(peerA)!, ends.get(peerB)!]
  const events: string[] = []
  a.onLink((event: LinkEvent) => event.type !== 'link-measured' && events.push(event.type))
  const arrived: string[] = []
  b.onFrame((from, frame) => arrived.push(`${from === peerA} ${frame.length}`))
  async function route(epoch: number, paths: LinkPath[]): Promise<void> {
    middle.setPeers(
      [peerA, peerB].map(peer => ({ peer, isInitiator: relay < peer })),
      epoch,
    )
    a.setRoutes({ epoch, routes: [{ peer: peerB, paths, secret: testSecret }] })
    b.setRoutes({ epoch, routes: [{ peer: peerA, paths, secret: testSecret }] })
    await clock.advance(3000)
  }
  return { clock, net, lossy, a, b, middle, events, arrived, passed, route }
}

describe('a peer’s transport', () => {
  it('reaches a peer through a relay only, sealed', async () => {
    const { clock, a, arrived, passed, route } = openRing()
    await route(1, [byRelay])
    expect(a.links()).toMatchObject([{ peer: peerB, kind: 'relay', isOpen: true }])
    const before = passed.length
    await a.send(peerB, numberedFrame(1, 5000))
    await clock.advance(1000)
    expect(arrived).toEqual(['true 5000'])
    expect(passed.length).toBeGreaterThan(before)
  })

  it('takes a data channel first, and the relay when that breaks', async () => {
    const { clock, net, a, b, middle, events, arrived, passed, route } = openRing()
    await route(1, [byWebrtc, byRelay])
    expect(a.links()[0]).toMatchObject({ kind: 'webrtc', isOpen: true })
    expect(a.paths().map(({ kind, isOpen }) => [kind, isOpen])).toEqual([
      ['webrtc', true],
      ['relay', true],
    ])
    const relayed = (): number => a.paths().find(({ kind }) => kind === 'relay')?.sentFrames ?? 0
    await a.send(peerB, numberedFrame(1, 5000))
    await clock.advance(1000)
    expect(relayed()).toBe(0)
    // The relay's links live on: only those between the two ends break.
    net.breakBetween(peerA, peerB)
    await clock.advance(100)
    expect(middle.links().every(link => link.isOpen)).toBe(true)
    expect(events).toEqual(['link-opened', 'link-closed', 'link-opened'])
    await a.send(peerB, numberedFrame(2, 6000))
    await clock.advance(1000)
    expect(relayed()).toBe(1)
    expect(arrived).toEqual(['true 5000', 'true 6000'])
    expect(passed.length).toBeGreaterThan(0)
    expect(b.links()[0]).toMatchObject({ kind: 'relay', isOpen: true })
  })

  it('takes AXL where that is all there is', async () => {
    const { clock, lossy, a, arrived, passed, route } = openRing()
    await route(1, [byAxl])
    expect(a.links()[0]).toMatchObject({ kind: 'axl', isOpen: true })
    const before = lossy.counts.delivered
    await a.send(peerB, numberedFrame(1, 5000))
    await clock.advance(1000)
    expect(arrived).toEqual(['true 5000'])
    expect(lossy.counts.delivered).toBeGreaterThan(before)
    expect(passed).toEqual([])
  })

  it('leaves nothing behind after close', async () => {
    const { clock, a, b, middle, route } = openRing()
    await route(1, [byWebrtc, byRelay])
    await Promise.all([a.close(), b.close(), middle.close(), clock.advance(2000)])
    await clock.advance(2000)
    expect(clock.pending).toBe(0)
    await expect(a.send(peerB, numberedFrame(1, 8))).rejects.toMatchObject({ code: 'peer_disconnected' })
  })
})
