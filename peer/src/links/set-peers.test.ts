import { numberedFrame } from '@computepool/shared/testing'
import type { LinkSignal } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { isLinked, openLinked, peerA, peerB } from '../../testing/rtc-pair.ts'
import type { HostEvent } from './host-protocol.ts'
import type { RtcTransport } from './index.ts'
import type { ChannelHandlers } from './link-channel.ts'

describe('setPeers', () => {
  it.each([1, 2])('keeps an open link, with assignment %i after 1', async epoch => {
    const { clock, net, a, b, events, closings, setBoth } = await openLinked()
    const before = events.length
    setBoth(epoch)
    // At once: nobody waits for a handshake.
    expect([isLinked(a), isLinked(b)]).toEqual([true, true])
    const arrivals: number[] = []
    b.onFrame((_, frame) => arrivals.push(frame.length))
    await a.send(peerB, numberedFrame(1, 100))
    await clock.advance(100)
    expect(arrivals).toEqual([100])
    expect(closings()).toEqual([])
    expect(events.slice(before).filter(({ event }) => event.type === 'link-opened')).toEqual([])
    expect(net.commands(peerA).filter(({ type }) => type === 'open-link')).toHaveLength(1)
  })

  it('carries a frame over the change that was half sent before it', async () => {
    const { clock, a, b, setBoth } = await openLinked()
    const arrivals: Uint8Array[] = []
    b.onFrame((_, frame) => arrivals.push(frame.slice()))
    const sending = a.send(peerB, numberedFrame(1, 900_000))
    await clock.advance(6)
    expect(arrivals).toEqual([])
    setBoth(2)
    await clock.advance(1000)
    await sending
    expect(arrivals.map(frame => Buffer.compare(frame, numberedFrame(1, 900_000)))).toEqual([0])
  })

  it('makes a link anew whose path is lost, and one that has ended', async () => {
    const { clock, net, a, b, setBoth } = await openLinked()
    net.changeConnections(peerA, 'disconnected')
    await clock.advance(10)
    setBoth(2)
    await clock.advance(100)
    expect([isLinked(a), isLinked(b)]).toEqual([true, true])
    expect(net.commands(peerA).filter(({ type }) => type === 'open-link')).toHaveLength(2)
    net.breakBetween(peerA, peerB)
    await clock.advance(10)
    expect([isLinked(a), isLinked(b)]).toEqual([false, false])
    // Of the same number too: a peer that was gone is told the same assignment when it is back.
    for (const epoch of [2, 3]) {
      setBoth(epoch)
      await clock.advance(100)
      expect([isLinked(a), isLinked(b)]).toEqual([true, true])
      net.breakBetween(peerA, peerB)
      await clock.advance(10)
    }
  })

  it('makes a link anew one of whose lanes has lost its path', async () => {
    const { clock, net, portA, a, b, setBoth } = await openLinked()
    const say = (event: HostEvent): void => portA.onmessage?.({ data: event } as MessageEvent)
    const channel = { isOpen: true, bufferedBytes: 0, send: () => {}, listen: (told: ChannelHandlers) => told.opened() }
    const { link } = net.commands(peerA)[0]!
    say({ type: 'channel-made-here', link, name: 'lane-1', channel })
    say({ type: 'connection-changed', link, lane: 1, state: 'disconnected' })
    expect([isLinked(a), isLinked(b)]).toEqual([true, true])
    setBoth(2)
    await clock.advance(100)
    expect([isLinked(a), isLinked(b)]).toEqual([true, true])
    expect(net.commands(peerA).filter(({ type }) => type === 'open-link')).toHaveLength(2)
  })

  it.each([
    ['that offers', peerA, 'first'],
    ['that offers', peerA, 'last'],
    ['that answers', peerB, 'first'],
    ['that answers', peerB, 'last'],
  ] as const)('the side %s (%s) has lost it, and hears of the assignment %s', async (_, loser, when) => {
    const { clock, net, a, b, events } = await openLinked()
    // The other side notices nothing.
    net.lose(loser)
    await clock.advance(10)
    const [lost, kept] = loser === peerA ? [a, b] : [b, a]
    expect([isLinked(lost), isLinked(kept)]).toEqual([false, true])
    const set = (side: RtcTransport): void =>
      side === a
        ? a.setPeers([{ peer: peerB, isInitiator: true }], 2)
        : b.setPeers([{ peer: peerA, isInitiator: false }], 2)
    for (const side of when === 'first' ? [lost, kept] : [kept, lost]) {
      set(side)
      await clock.advance(100)
    }
    expect([isLinked(a), isLinked(b)]).toEqual([true, true])
    const told = events.filter(({ event }) => event.type !== 'link-measured').map(({ at, event }) => [at, event.type])
    const keeper = loser === peerA ? peerB : peerA
    expect(told.filter(([at]) => at === keeper).map(([, type]) => type)).toEqual([
      'link-opened',
      'link-closed',
      'link-opened',
    ])
    const arrivals: string[] = []
    a.onFrame((_, frame) => arrivals.push(`a ${frame.length}`))
    b.onFrame((_, frame) => arrivals.push(`b ${frame.length}`))
    await Promise.all([a.send(peerB, numberedFrame(1, 10)), b.send(peerA, numberedFrame(2, 20))])
    await clock.advance(100)
    expect(arrivals.sort()).toEqual(['a 20', 'b 10'])
  })

  it('takes an answer of the earlier assignment for a link that it kept', async () => {
    const { clock, net, a, setBoth } = await openLinked()
    setBoth(2)
    await clock.advance(100)
    const answers = (): number => net.commands(peerA).filter(({ type }) => type === 'signal-arrived').length
    const before = answers()
    const late: LinkSignal = { type: 'description', epoch: 1, link: 0, toLink: 0, sdpType: 'answer', sdp: 'late' }
    a.handleSignal(peerB, late)
    expect(answers()).toBe(before + 1)
    a.handleSignal(peerB, { ...late, toLink: null })
    a.handleSignal(peerB, { ...late, link: 1 })
    expect(answers()).toBe(before + 1)
  })

  it('makes a link anew a few times an assignment, whatever the other side says', async () => {
    const { clock, net, a } = await openLinked()
    for (let link = 1; link < 100; link += 1) {
      a.handleSignal(peerB, { type: 'offer-wanted', epoch: 1, link, toLink: null })
      await clock.advance(1)
    }
    expect(net.commands(peerA).filter(({ type }) => type === 'open-link')).toHaveLength(9)
  })

  it('links a peer that left and came back within one assignment', async () => {
    const { clock, a, b } = await openLinked()
    b.setPeers([], 1)
    b.setPeers([{ peer: peerA, isInitiator: false }], 1)
    await clock.advance(100)
    expect([isLinked(a), isLinked(b)]).toEqual([true, true])
    a.setPeers([], 1)
    a.setPeers([{ peer: peerB, isInitiator: true }], 1)
    await clock.advance(100)
    expect([isLinked(a), isLinked(b)]).toEqual([true, true])
  })

  it('drops the peers that are not named any more', async () => {
    const { a } = await openLinked()
    a.setPeers([], 1)
    expect(a.links()).toEqual([])
    await expect(a.send(peerB, numberedFrame(1, 8))).rejects.toMatchObject({ code: 'peer_unreachable' })
  })

  it('leaves no timer behind after close', async () => {
    const { clock, a, b } = await openLinked()
    await a.close()
    await b.close()
    await clock.advance(1000)
    expect(clock.pending).toBe(0)
  })
})
