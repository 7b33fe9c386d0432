import { ComputePoolError } from '@computepool/shared/errors'
import type { DatagramCarrier } from '@computepool/shared/ports'
import { createLossyNet, createManualClock, createSeededRandom } from '@computepool/shared/testing'
import type { AssignedRoute, PeerId } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { testPeer, testSecret, testWallet } from '../../testing/sealed-pair.ts'
import { createSealedTransport } from './index.ts'
import { type RoutedCarrier, sealedMember } from './sealed-member.ts'
import { createWayTable } from './way-table.ts'

const [peerA, peerB, peerC] = [testPeer(1), testPeer(2), testPeer(3)]
const routeTo = (peer: PeerId): AssignedRoute => ({
  peer,
  paths: [{ kind: 'axl', key: 'd'.repeat(64) }],
  secret: testSecret,
})

/** Members whose carriers reach only whom the routes name, as real ones do. */
function openMembers() {
  const clock = createManualClock()
  const net = createLossyNet({ clock })
  const closings: string[] = []
  const open = (number: number) => {
    const self = testPeer(number)
    const sealed = createSealedTransport({
      self,
      key: testWallet(number),
      clock,
      entropy: createSeededRandom(number),
    })
    const plain = net.carrier(self)
    let reached: readonly string[] = []
    const axl: RoutedCarrier = {
      ...plain,
      async post(to, datagram) {
        if (!reached.includes(to)) throw new ComputePoolError('peer_unreachable', `No way to ${to}`)
        await plain.post(to, datagram)
      },
      setRoutes(routes) {
        reached = routes.map(({ peer }) => peer)
      },
    }
    sealed.onLink(event => event.type === 'link-closed' && closings.push(`${number} ${event.error.code}`))
    return { sealed, member: sealedMember({ sealed, axl, relay: null }) }
  }
  return { clock, closings, a: open(1), b: open(2), c: open(3) }
}

describe('a peer that leaves the routes', () => {
  it.each([
    ['of the same assignment', 1],
    ['with the next assignment', 2],
  ])('is told so at once, %s', async (_, epoch) => {
    const { clock, closings, a, b, c } = openMembers()
    a.member.setRoutes({ epoch: 1, routes: [routeTo(peerB), routeTo(peerC)] })
    b.member.setRoutes({ epoch: 1, routes: [routeTo(peerA)] })
    c.member.setRoutes({ epoch: 1, routes: [routeTo(peerA)] })
    await clock.advance(3000)
    expect(a.sealed.links().map(link => link.isOpen)).toEqual([true, true])
    a.member.setRoutes({ epoch, routes: [routeTo(peerC)] })
    c.member.setRoutes({ epoch, routes: [routeTo(peerA)] })
    await clock.advance(100)
    expect(closings).toContain('2 peer_disconnected')
    await clock.advance(3000)
    expect(a.sealed.links()).toMatchObject([{ peer: peerC, isOpen: true }])
  })
})

describe('two ends that have different carriers for one spare', () => {
  it.each([
    ['the one with two carriers', 2],
    ['the one with one carrier', 1],
  ])('stay linked where the preferred way breaks, when %s speaks', async (_, speaker) => {
    const clock = createManualClock()
    const [direct, relayed] = [createLossyNet({ clock }), createLossyNet({ clock })]
    const open = (number: number) =>
      createSealedTransport({
        self: testPeer(number),
        key: testWallet(number),
        clock,
        entropy: createSeededRandom(number),
      })
    const [a, b] = [open(1), open(2)]
    // By its daemon `a` has both ways; `b` has a daemon, and a data channel to the relay.
    const ways = createWayTable()
    ways.set(new Map([[peerB, ['daemon', 'relay']]]))
    const [straight, around] = [direct.carrier(peerA), relayed.carrier(peerA)]
    const daemon: DatagramCarrier = {
      ...straight,
      post: (to, datagram) => (ways.first(to) === 'daemon' ? straight : around).post(to, datagram),
      onDatagram(handler) {
        const stops = [straight, around].map(each => each.onDatagram(handler))
        return () => stops.forEach(stop => void stop())
      },
      passOver: to => ways.passOver(to, ways.first(to)!),
      wayTo: to => ways.first(to),
      goBack: (to, way) => ways.goBack(to, way),
    }
    const common = { kind: 'axl' as const, secret: testSecret }
    a.setRoutes({ epoch: 1, routes: [{ ...common, peer: peerB, carrier: daemon }] })
    const route = { ...common, peer: peerA, carrier: direct.carrier(peerB), spares: [relayed.carrier(peerB)] }
    b.setRoutes({ epoch: 1, routes: [route] })
    await clock.advance(3000)
    const closings: string[] = []
    const arrived: number[] = []
    for (const side of [a, b]) {
      side.onLink(event => event.type === 'link-closed' && closings.push(event.error.code))
      side.onFrame((_from, frame) => arrived.push(frame.length))
    }
    expect(relayed.counts.posted).toBe(0)
    direct.part(peerA, peerB)
    await (speaker === 1 ? a.send(peerB, new Uint8Array(5000)) : b.send(peerA, new Uint8Array(5000)))
    await clock.advance(15_000)
    expect([arrived, closings]).toEqual([[5000], []])
    await (speaker === 1 ? b.send(peerA, new Uint8Array(120)) : a.send(peerB, new Uint8Array(120)))
    await clock.advance(500)
    expect(arrived).toEqual([5000, 120])
  })
})
