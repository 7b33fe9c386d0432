/** Two transports over a page that is faked, on a manual clock, for tests. */
import type { LinkEvent } from '@computepool/shared/ports'
import { createManualClock } from '@computepool/shared/testing'
import type { PeerId } from '@computepool/shared/wire'
import { createRtcTransport, type RtcTransport } from '../src/links/index.ts'
import { createFakeRtcNet, type FakeRtcNetOptions } from './fake-rtc-net.ts'

export const peerA: PeerId = `0x${'a'.repeat(40)}.00000001`
export const peerB: PeerId = `0x${'b'.repeat(40)}.00000002`
export const limits = { maxFrameBytes: 1 << 20 }

export function openNet(options: Partial<FakeRtcNetOptions> = {}) {
  const clock = createManualClock()
  const net = createFakeRtcNet({ clock, ...options })
  const portA = net.port(peerA)
  const a = createRtcTransport({ self: peerA, port: portA, clock, limits })
  const b = createRtcTransport({ self: peerB, port: net.port(peerB), clock, limits })
  const events: { at: PeerId; event: LinkEvent }[] = []
  a.onLink(event => events.push({ at: peerA, event }))
  b.onLink(event => events.push({ at: peerB, event }))
  a.onSignal((_, signal) => b.handleSignal(peerA, signal))
  b.onSignal((_, signal) => a.handleSignal(peerB, signal))
  const setBoth = (epoch: number): void => {
    b.setPeers([{ peer: peerA, isInitiator: false }], epoch)
    a.setPeers([{ peer: peerB, isInitiator: true }], epoch)
  }
  const closings = (): string[] =>
    events.flatMap(({ at, event }) =>
      event.type === 'link-closed' ? [`${at === peerA ? 'a' : 'b'}: ${event.error.code}`] : [],
    )
  return { clock, net, portA, a, b, events, setBoth, closings }
}

export async function openLinked(options: Partial<FakeRtcNetOptions> = {}) {
  const fixture = openNet(options)
  fixture.setBoth(1)
  await fixture.clock.advance(100)
  return fixture
}

export const isLinked = (transport: RtcTransport): boolean => transport.links().some(link => link.isOpen)
