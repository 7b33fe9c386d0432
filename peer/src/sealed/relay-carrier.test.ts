import { decodeParcel, encodeParcel } from '@computepool/shared/datagram'
import { createLoopbackNetwork, createManualClock } from '@computepool/shared/testing'
import type { LinkRoute, PeerId } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { createRelayCarrier } from './relay-carrier.ts'

const peerOf = (number: number): PeerId => `0x${String(number).padStart(40, '0')}.0000000${number}`
const [self, other, relay, spare, stranger] = [1, 2, 3, 4, 5].map(peerOf) as [PeerId, PeerId, PeerId, PeerId, PeerId]
const viaRelay = (peer: PeerId, ...vias: PeerId[]): LinkRoute => ({
  peer,
  paths: vias.map(via => ({ kind: 'relay', via, key: null })),
})
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (data: Uint8Array): string => new TextDecoder().decode(data)

function open(queueBytes?: number) {
  const clock = createManualClock()
  const network = createLoopbackNetwork({ clock, capacityBytes: 10_000 })
  for (const at of [relay, spare, stranger]) network.connect(self, at)
  const carrier = createRelayCarrier({ self, links: network.transport(self), ...(queueBytes && { queueBytes }) })
  carrier.setRoutes([viaRelay(other, relay, spare)])
  const got: string[] = []
  carrier.onDatagram((from, datagram) => got.push(`${from} ${textOf(datagram)}`))
  const atRelay: string[] = []
  for (const at of [relay, spare]) {
    network.transport(at).onFrame((peer, frame) => {
      for (const entry of decodeParcel(frame) ?? []) {
        atRelay.push(`${at.slice(-1)}: ${peer} ${entry.from} ${entry.to} ${textOf(entry.datagram)}`)
      }
    })
  }
  return { clock, network, carrier, got, atRelay }
}

describe('the carrier through a relay', () => {
  it('hands the relay a parcel with both addresses', async () => {
    const { clock, carrier, atRelay } = open()
    await carrier.post(other, bytes('hello'))
    await clock.advance(5)
    expect(atRelay).toEqual([`3: ${self} ${self} ${other} hello`])
    expect(carrier.relays()).toEqual([relay, spare])
  })

  it('takes from a relay only what is for it and from a peer behind that relay', async () => {
    const { clock, network, carrier, got } = open()
    const say = (at: PeerId, to: PeerId, from: PeerId, text: string): Promise<void> =>
      network.transport(at).send(self, encodeParcel([{ to, from, datagram: bytes(text) }]))
    await say(relay, self, other, 'good')
    await say(relay, stranger, other, 'for another')
    await say(relay, self, stranger, 'from a stranger')
    await say(stranger, self, other, 'not a relay')
    await network.transport(relay).send(self, bytes('no parcel'))
    await clock.advance(5)
    expect(got).toEqual([`${other} good`])
    expect(carrier.counts).toMatchObject({ arrived: 1, refused: 3 })
  })

  it('goes through the next relay when the link to the first broke', async () => {
    const { clock, network, carrier, atRelay } = open()
    network.cut(self, relay)
    await expect(carrier.post(other, bytes('lost'))).rejects.toMatchObject({ code: 'peer_disconnected' })
    await carrier.post(other, bytes('kept'))
    await clock.advance(5)
    expect(atRelay).toEqual([`4: ${self} ${self} ${other} kept`])
  })

  it('goes through the next relay when told that nothing comes back through the first', async () => {
    const { clock, carrier, atRelay } = open()
    carrier.passOver?.(other)
    await carrier.post(other, bytes('kept'))
    carrier.passOver?.(other)
    await carrier.post(other, bytes('again'))
    carrier.passOver?.(stranger)
    await clock.advance(5)
    expect(atRelay.map(line => line[0])).toEqual(['4', '3'])
  })

  it('loses what finds no room, and counts it', async () => {
    const { clock, network, carrier, atRelay } = open(20_000)
    const release = network.stall(self, relay)
    const posts = Array.from({ length: 6 }, () => carrier.post(other, new Uint8Array(6000)))
    await clock.advance(5)
    release()
    await clock.advance(5)
    await Promise.all(posts)
    await clock.advance(5)
    expect(carrier.counts.dropped).toBeGreaterThan(0)
    expect(atRelay.length + carrier.counts.dropped).toBe(6)
  })

  it('refuses by name a peer without a relay, and everything once closed', async () => {
    const { carrier, network, clock, got } = open()
    await expect(carrier.post(stranger, bytes('x'))).rejects.toMatchObject({ code: 'peer_unreachable' })
    await carrier.close()
    await carrier.close()
    await expect(carrier.post(other, bytes('x'))).rejects.toMatchObject({ code: 'peer_disconnected' })
    await network.transport(relay).send(self, encodeParcel([{ to: self, from: other, datagram: bytes('late') }]))
    await clock.advance(5)
    expect(got).toEqual([])
  })
})
