import { decodeParcel, encodeParcel, maxParcelBytes, type ParcelEntry } from '@computepool/shared/datagram'
import type { PeerId } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { createRelay, type Relay, type RelaySource } from './create-relay.ts'
import type { RelayLimits } from './relay-limits.ts'

const peerOf = (number: number): PeerId => `0x${String(number).padStart(40, '0')}.0000000${number}`
const keyOf = (digit: string): string => digit.repeat(64)
/** Two tabs, two nodes behind AXL, and one who is no member. */
const [tab, otherTab, node, otherNode, stranger] = [1, 2, 3, 4, 5].map(peerOf) as [
  PeerId,
  PeerId,
  PeerId,
  PeerId,
  PeerId,
]
const members = [
  { peer: tab, axl: null },
  { peer: otherTab, axl: null },
  { peer: node, axl: keyOf('a') },
  { peer: otherNode, axl: keyOf('b') },
]
const link = (peer: PeerId): RelaySource => ({ kind: 'link', peer })
const axl = (digit: string): RelaySource => ({ kind: 'axl', senderHint: digit.repeat(16).padEnd(64, 'f') })
const entry = (from: PeerId, to: PeerId, sizeBytes = 10, fill = 0): ParcelEntry => ({
  from,
  to,
  datagram: new Uint8Array(sizeBytes).fill(fill),
})

function open(limits: Partial<RelayLimits> = {}): Relay {
  const relay = createRelay(limits)
  relay.assign({ epoch: 1, members })
  return relay
}
const pass = (relay: Relay, source: RelaySource, entries: readonly ParcelEntry[], nowMs = 0) =>
  relay.accept(source, encodeParcel(entries), nowMs)
const codes = ({ refusals }: ReturnType<Relay['accept']>): string[] => refusals.map(({ code }) => code)
const tallyOf = (relay: Relay, peer: PeerId) => relay.report().find(row => row.peer === peer)

describe('a relay', () => {
  it('passes datagrams on between members, unchanged and in order, both ways', () => {
    const relay = open()
    const there = pass(relay, link(tab), [
      entry(tab, node, 10, 1),
      entry(tab, node, 20, 2),
      entry(tab, otherTab, 30, 3),
    ])
    expect(there).toEqual({ wake: [node, otherTab], refusals: [] })
    expect(relay.take(node)).toEqual([entry(tab, node, 10, 1), entry(tab, node, 20, 2)])
    expect(relay.take(node)).toEqual([])
    expect(pass(relay, axl('a'), [entry(node, tab, 5)]).wake).toEqual([tab])
    expect(relay.take(tab)).toEqual([entry(node, tab, 5)])
    expect(relay.report()).toEqual([
      { peer: tab, forwardedBytes: 30, refusedBytes: 0 },
      { peer: otherTab, forwardedBytes: 0, refusedBytes: 0 },
      { peer: node, forwardedBytes: 5, refusedBytes: 0 },
      { peer: otherNode, forwardedBytes: 0, refusedBytes: 0 },
    ])
  })

  it('keeps what it took, whatever becomes of the parcel', () => {
    const relay = open()
    const parcel = encodeParcel([entry(tab, node, 10, 7)])
    relay.accept(link(tab), parcel, 0)
    parcel.fill(0)
    expect(relay.take(node)).toEqual([entry(tab, node, 10, 7)])
  })

  it('lets nobody speak for another over a link', () => {
    const relay = open()
    const verdict = pass(relay, link(tab), [entry(otherTab, node), entry(node, otherTab), entry(tab, node, 10, 9)])
    expect(codes(verdict)).toEqual(['peer_unauthenticated'])
    expect(verdict.refusals[0]).toMatchObject({ member: tab, sizeBytes: 124 })
    expect(relay.take(node)).toEqual([entry(tab, node, 10, 9)])
    expect(relay.take(otherTab)).toEqual([])
    expect([tallyOf(relay, tab)?.refusedBytes, tallyOf(relay, otherTab)?.refusedBytes]).toEqual([124, 0])
  })

  it('takes from AXL only what claims to be from a member behind AXL', () => {
    const relay = open()
    expect(codes(pass(relay, axl('a'), [entry(tab, otherTab), entry(stranger, tab)]))).toEqual(['peer_unauthenticated'])
    expect(codes(pass(relay, axl('a'), [entry(node, tab)]))).toEqual([])
    // The header is no proof and no condition: the two ends tell what is genuine.
    expect(codes(pass(relay, { kind: 'axl', senderHint: '' }, [entry(node, tab)]))).toEqual([])
    expect(relay.take(tab)).toHaveLength(2)
  })

  it('refuses what the daemon of one member says in the name of another, and books it to the one who sent it', () => {
    const relay = open()
    const verdict = pass(relay, axl('b'), [entry(node, tab, 100), entry(otherNode, tab, 10)])
    expect(verdict.refusals).toMatchObject([{ code: 'peer_unauthenticated', member: otherNode, sizeBytes: 152 }])
    expect(relay.take(tab)).toEqual([entry(otherNode, tab, 10)])
    expect(tallyOf(relay, otherNode)).toMatchObject({ forwardedBytes: 10, refusedBytes: 152 })
    expect(tallyOf(relay, node)).toMatchObject({ forwardedBytes: 0, refusedBytes: 0 })
  })

  it('books what strangers pass on to nobody, and lets all of them together pass on little', () => {
    const relay = open()
    let passed = 0
    for (let ms = 0; ms < 20_000; ms += 10) {
      const from: RelaySource = { kind: 'axl', senderHint: ms.toString(16).padStart(16, 'e').padEnd(64, 'f') }
      pass(
        relay,
        from,
        Array.from({ length: 10 }, () => entry(node, tab, 115)),
        ms,
      )
      passed += relay.take(tab).length
    }
    expect(passed).toBe(200 + 1999)
    expect(tallyOf(relay, node)).toEqual({ peer: node, forwardedBytes: 0, refusedBytes: 0 })
    expect(codes(pass(relay, axl('a'), [entry(node, tab)], 20_000))).toEqual([])
  })

  it('takes nothing over a link that its assignment does not name', () => {
    const relay = open()
    for (const peer of [stranger, node]) {
      expect(codes(pass(relay, link(peer), [entry(peer, tab)]))).toEqual(['peer_unauthenticated'])
    }
    expect(relay.hasWork(tab)).toBe(false)
  })

  it('passes nothing on to those who are not behind it', () => {
    const relay = open()
    expect(codes(pass(relay, link(tab), [entry(tab, stranger), entry(tab, tab)]))).toEqual(['peer_unreachable'])
    expect(relay.hasWork(stranger)).toBe(false)
  })

  it.each([
    ['a message of 17 MiB', new Uint8Array(17 << 20).fill(0xc5)],
    ['text', new TextEncoder().encode('{"service":"x"}')],
    ['a torn parcel', encodeParcel([entry(tab, node)]).slice(0, -1)],
    [
      'a parcel over the cap',
      new Uint8Array(maxParcelBytes + 1).fill(1).map((byte, index) => (index === 0 ? 0xc5 : byte)),
    ],
  ])('refuses %s, and takes the next', (_, bytes) => {
    const relay = open()
    const { refusals } = relay.accept(link(tab), bytes, 0)
    expect(refusals).toMatchObject([{ code: 'peer_frame_invalid', member: tab, sizeBytes: bytes.length }])
    expect(tallyOf(relay, tab)?.refusedBytes).toBe(bytes.length)
    expect(pass(relay, link(tab), [entry(tab, node)]).wake).toEqual([node])
  })

  it('bounds what a member has waiting, for one and for all, and harms no other', () => {
    const relay = open({ laneBytes: 10_000, sourceBytes: 15_000 })
    const flood = (to: PeerId): number => {
      let taken = 0
      for (let index = 0; index < 100; index += 1) taken += pass(relay, link(tab), [entry(tab, to, 1000)]).wake.length
      return taken
    }
    expect(flood(node)).toBe(9)
    expect(flood(otherNode)).toBe(5)
    expect(codes(pass(relay, link(tab), [entry(tab, node, 1000)]))).toEqual(['peer_rate_limited'])
    expect(pass(relay, link(otherTab), [entry(otherTab, node, 1000)]).wake).toEqual([node])
    expect(tallyOf(relay, tab)?.refusedBytes).toBe((91 + 95 + 1) * 1052)
    expect(tallyOf(relay, otherTab)?.refusedBytes).toBe(0)
    for (const to of [node, otherNode]) while (relay.take(to).length > 0);
    expect(flood(node)).toBe(9)
  })

  it('bounds the rate of a member, by bytes and by number', () => {
    const relay = open({ burstBytes: 5260, bytesPerSecond: 1052, burstDatagrams: 100, datagramsPerSecond: 10 })
    const send = (nowMs: number): string[] => codes(pass(relay, link(tab), [entry(tab, node, 1000)], nowMs))
    for (let index = 0; index < 5; index += 1) expect(send(0)).toEqual([])
    expect(send(0)).toEqual(['peer_rate_limited'])
    expect(send(1000)).toEqual([])
    expect(send(1001)).toEqual(['peer_rate_limited'])
    expect(codes(pass(relay, link(otherTab), [entry(otherTab, node, 1000)], 1001))).toEqual([])
    const tiny = open({ burstDatagrams: 3, datagramsPerSecond: 1 })
    const got = Array.from({ length: 5 }, () => codes(pass(tiny, link(tab), [entry(tab, node, 1)])).length)
    expect(got).toEqual([0, 0, 0, 1, 1])
  })

  it('makes a flood on AXL cost its own daemon, not the one whom it names', () => {
    const relay = open({ burstBytes: 5260, bytesPerSecond: 1, strangerBurstBytes: 5260, strangerBytesPerSecond: 1 })
    const flood = (source: RelaySource): string[] =>
      Array.from({ length: 20 }, () => codes(pass(relay, source, [entry(node, tab, 1000)]))).flat()
    expect(flood(axl('e'))).toEqual(Array(15).fill('peer_rate_limited'))
    expect(flood(axl('b'))).toEqual([...Array(5).fill('peer_unauthenticated'), ...Array(15).fill('peer_rate_limited')])
    expect([tallyOf(relay, node)?.refusedBytes, tallyOf(relay, otherNode)?.refusedBytes]).toEqual([0, 20 * 1052])
    expect(flood(axl('a'))).toEqual(Array(15).fill('peer_rate_limited'))
    expect(tallyOf(relay, node)?.refusedBytes).toBe(15 * 1052)
  })

  it('serves those who send to one member by bytes, not by who came first or sends smaller', () => {
    const relay = open()
    for (let index = 0; index < 30; index += 1) pass(relay, link(tab), [entry(tab, node, 120_000)])
    pass(
      relay,
      link(otherTab),
      Array.from({ length: 200 }, () => entry(otherTab, node, 5000)),
    )
    pass(relay, axl('b'), [entry(otherNode, node, 40)])
    const first = relay.take(node)
    const bytesOf = (from: PeerId): number =>
      first.filter(got => got.from === from).reduce((sum, { datagram }) => sum + datagram.length, 0)
    expect(bytesOf(otherNode)).toBe(40)
    expect(Math.abs(bytesOf(tab) - bytesOf(otherTab))).toBeLessThan(150_000)
    // No more than a parcel holds.
    expect(decodeParcel(encodeParcel(first))).toHaveLength(first.length)
    let count = first.length
    for (let next = relay.take(node); next.length > 0; next = relay.take(node)) count += next.length
    expect(count).toBe(231)
  })

  it('takes what waits behind a whole parcel of one who left', () => {
    const relay = open()
    for (let index = 0; index < 2; index += 1)
      pass(
        relay,
        link(tab),
        Array.from({ length: 150 }, () => entry(tab, node)),
      )
    pass(relay, link(otherTab), [entry(otherTab, node, 33)])
    relay.assign({ epoch: 1, members: members.filter(({ peer }) => peer !== tab) })
    expect(relay.take(node)).toEqual([entry(otherTab, node, 33)])
    expect(relay.hasWork(node)).toBe(false)
  })

  it('forgets with a new assignment what was not its business any more', () => {
    const relay = open()
    pass(relay, link(tab), [entry(tab, node), entry(tab, otherTab)])
    pass(relay, link(otherTab), [entry(otherTab, node, 33)])
    relay.assign({ epoch: 1, members: members.filter(({ peer }) => peer !== tab) })
    expect(relay.take(node)).toEqual([entry(otherTab, node, 33)])
    expect(codes(pass(relay, link(tab), [entry(tab, node)]))).toEqual(['peer_unauthenticated'])
    expect(tallyOf(relay, otherTab)?.forwardedBytes).toBe(33)
    pass(relay, link(otherTab), [entry(otherTab, node)])
    relay.assign({ epoch: 2, members })
    expect(relay.hasWork(node)).toBe(false)
    expect(tallyOf(relay, otherTab)?.forwardedBytes).toBe(0)
    relay.assign({ epoch: 3, members: [] })
    expect(codes(pass(relay, axl('a'), [entry(node, tab)]))).toEqual(['peer_unauthenticated'])
    expect(relay.report()).toEqual([])
  })
})
