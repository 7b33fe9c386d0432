import { ComputePoolError } from '@computepool/shared/errors'
import { createLossyNet, createManualClock, createSeededRandom } from '@computepool/shared/testing'
import type { AssignedRoute, PeerId } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { testPeer, testSecret, testWallet } from '../../testing/sealed-pair.ts'
import { createSealedTransport } from './index.ts'
import { type RoutedCarrier, sealedMember } from './sealed-member.ts'

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
