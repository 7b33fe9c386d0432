import type { LinkEvent } from '@computepool/shared/ports'
import {
  createLoopbackNetwork,
  createManualClock,
  type LoopbackNetwork,
  numberedFrame,
  type TransportPair,
  transportContract,
} from '@computepool/shared/testing'
import type { AssignedRoute, LinkPath, PeerId } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { type CombinedTransport, combineTransports } from './combine-transports.ts'
import type { PathMember } from './path-member.ts'

const peerA: PeerId = `0x${'a'.repeat(40)}.00000001`
const peerB: PeerId = `0x${'b'.repeat(40)}.00000002`
const relay: PeerId = `0x${'c'.repeat(40)}.00000003`
const axlKey = 'd'.repeat(64)
const bothWays: readonly LinkPath[] = [{ kind: 'webrtc' }, { kind: 'axl', key: axlKey }]

/** Two networks, each with a delay of its own, between `a` and `b`; both ends may use both. */
function openPair(options: { webrtcMs?: number; axlMs?: number } = {}) {
  const clock = createManualClock()
  const networkOf = (delayMs: number): LoopbackNetwork =>
    createLoopbackNetwork({ clock, delayMs, maxFrameBytes: 1 << 20 })
  const webrtc = networkOf(options.webrtcMs ?? 10)
  const axl = networkOf(options.axlMs ?? 15)
  const calls: string[] = []
  const memberOf = (network: LoopbackNetwork, kind: LinkPath['kind'], self: PeerId): PathMember => ({
    transport: network.transport(self),
    takes: path => path.kind === kind,
    setRoutes: ({ epoch }) => void calls.push(`${kind} ${epoch}`),
    dropPeer: peer => network.cut(self, peer),
    close: () => network.transport(self).close(),
  })
  const open = (self: PeerId): CombinedTransport =>
    combineTransports({
      clock,
      signals: null,
      members: [memberOf(axl, 'axl', self), memberOf(webrtc, 'webrtc', self)],
    })
  const [a, b] = [open(peerA), open(peerB)]
  const events: string[] = []
  const tellOf = (name: string) => (event: LinkEvent) =>
    void events.push(`${name} ${event.type}${event.type === 'link-measured' ? ` ${event.rttMs}` : ''}`)
  a.onLink(tellOf('a'))
  b.onLink(tellOf('b'))
  const setBoth = (epoch: number, paths = bothWays): void => {
    const route = (peer: PeerId): AssignedRoute => ({ peer, paths: [...paths], secret: '5e'.repeat(16) })
    a.setRoutes({ epoch, routes: [route(peerB)] })
    b.setRoutes({ epoch, routes: [route(peerA)] })
  }
  setBoth(1)
  return { clock, webrtc, axl, a, b, events, calls, setBoth }
}

async function openLinked(options: Parameters<typeof openPair>[0] = {}) {
  const pair = openPair(options)
  pair.webrtc.connect(peerA, peerB)
  pair.axl.connect(peerA, peerB)
  return pair
}

describe.each(['webrtc', 'axl'] as const)('the transport contract, combined, over %s', way => {
  it.each(transportContract.map(entry => [entry.name, entry] as const))('%s', async (_, entry) => {
    const { clock, a, b, ...networks } = openPair()
    networks[way].connect(peerA, peerB)
    const pair: TransportPair = {
      a,
      b,
      peerA,
      peerB,
      maxFrameBytes: 1 << 20,
      async reach(promise) {
        let isSettled = false
        const settled = promise.finally(() => {
          isSettled = true
        })
        settled.catch(() => {})
        for (let turn = 0; !isSettled && turn < 20_000; turn += 1) await clock.advance(1)
        if (!isSettled) throw new Error('Nothing happened in 20 s of manual time')
        return settled
      },
      refresh: async () => {},
      cut: async () => networks[way].cut(peerA, peerB),
      close: async () => {},
    }
    await entry.run(pair)
  })
})

describe('a peer with two ways', () => {
  it('is told once, and reached by the preferred way', async () => {
    const { clock, webrtc, axl, a, events } = await openLinked()
    await a.send(peerB, numberedFrame(1, 100))
    await clock.advance(100)
    expect(events.filter(event => event.endsWith('opened'))).toEqual(['a link-opened', 'b link-opened'])
    expect([webrtc.delivered(peerA, peerB), axl.delivered(peerA, peerB)]).toEqual([1, 0])
    expect(a.links()).toHaveLength(1)
    expect(a.paths()).toHaveLength(2)
  })

  it('is reached by the other way where that is clearly faster', async () => {
    const { clock, webrtc, axl, a } = await openLinked({ webrtcMs: 30, axlMs: 10 })
    await a.send(peerB, numberedFrame(1, 100))
    await clock.advance(100)
    expect([webrtc.delivered(peerA, peerB), axl.delivered(peerA, peerB)]).toEqual([0, 1])
    expect(a.links()[0]?.rttMs).toBe(20)
  })

  it('is opened by whichever way comes first, and moves to the preferred one', async () => {
    const { clock, webrtc, axl, a, events } = openPair()
    axl.connect(peerA, peerB)
    await a.send(peerB, numberedFrame(1, 100))
    webrtc.connect(peerA, peerB)
    await a.send(peerB, numberedFrame(2, 100))
    await clock.advance(100)
    expect([webrtc.delivered(peerA, peerB), axl.delivered(peerA, peerB)]).toEqual([1, 1])
    expect(events.filter(event => event.startsWith('a')).filter(event => !event.includes('measured'))).toEqual([
      'a link-opened',
    ])
  })

  it('is told closed and opened again when the way in use breaks', async () => {
    const { clock, webrtc, axl, a, events } = await openLinked()
    await a.send(peerB, numberedFrame(1, 100))
    await clock.advance(100)
    events.length = 0
    webrtc.cut(peerA, peerB)
    expect(events.filter(event => event.startsWith('a'))).toEqual([
      'a link-closed',
      'a link-opened',
      'a link-measured 30',
    ])
    await a.send(peerB, numberedFrame(2, 100))
    await clock.advance(100)
    expect([webrtc.delivered(peerA, peerB), axl.delivered(peerA, peerB)]).toEqual([1, 1])
    axl.cut(peerA, peerB)
    await expect(a.send(peerB, numberedFrame(3, 100))).rejects.toMatchObject({ code: 'peer_disconnected' })
    expect(a.links()[0]).toMatchObject({ peer: peerB, isOpen: false })
  })

  it('does not notice when a way breaks that it never used', async () => {
    const { axl, a, events } = await openLinked()
    await a.send(peerB, numberedFrame(1, 100))
    events.length = 0
    axl.cut(peerA, peerB)
    expect(events).toEqual([])
  })

  it('is told closed when a way breaks that it left a moment ago', async () => {
    const { clock, webrtc, axl, a, events } = openPair()
    axl.connect(peerA, peerB)
    await a.send(peerB, numberedFrame(1, 100))
    webrtc.connect(peerA, peerB)
    events.length = 0
    axl.cut(peerA, peerB)
    const told = events.filter(event => event.startsWith('a'))
    expect(told).toEqual(['a link-closed', 'a link-opened', 'a link-measured 20'])
    await clock.advance(80_000)
    expect(a.links()[0]?.isOpen).toBe(true)
  })
})

describe('an assignment', () => {
  it('keeps a link whose way stays open, and closes those that it does not name', async () => {
    const { clock, webrtc, a, events, calls, setBoth } = await openLinked()
    events.length = 0
    setBoth(2)
    expect(events).toEqual([])
    expect(calls).toContain('axl 2')
    // The preferred way stays, also where a spare goes.
    setBoth(2, [{ kind: 'webrtc' }])
    setBoth(3, bothWays)
    expect(events).toEqual([])
    await a.send(peerB, numberedFrame(1, 8))
    await clock.advance(100)
    expect(webrtc.delivered(peerA, peerB)).toBe(1)
    a.setRoutes({ epoch: 3, routes: [] })
    expect(events).toEqual(['a link-closed'])
    await expect(a.send(peerB, numberedFrame(1, 8))).rejects.toMatchObject({ code: 'peer_unreachable' })
  })

  it('tells the end of a link whose way it takes away, and goes on over another', async () => {
    const { clock, axl, a, events, setBoth } = await openLinked()
    await a.send(peerB, numberedFrame(1, 8))
    events.length = 0
    setBoth(2, [{ kind: 'axl', key: axlKey }])
    expect(events.filter(event => event.startsWith('a'))).toEqual([
      'a link-closed',
      'a link-opened',
      'a link-measured 30',
    ])
    await a.send(peerB, numberedFrame(2, 8))
    await clock.advance(100)
    expect(axl.delivered(peerA, peerB)).toBe(1)
  })

  it('tells the end of a link where frames of this assignment may be lost with a way that goes', async () => {
    const { clock, webrtc, axl, a, events, setBoth } = openPair()
    axl.connect(peerA, peerB)
    await a.send(peerB, numberedFrame(1, 8))
    webrtc.connect(peerA, peerB)
    await clock.advance(100)
    events.length = 0
    setBoth(1, [{ kind: 'webrtc' }])
    expect(events.filter(event => event.startsWith('a'))).toEqual([
      'a link-closed',
      'a link-opened',
      'a link-measured 20',
    ])
  })

  it('may have no way that this peer knows', async () => {
    const { a } = openPair()
    a.setRoutes({
      epoch: 3,
      routes: [{ peer: peerB, paths: [{ kind: 'relay', via: relay, key: null }], secret: '5e'.repeat(16) }],
    })
    await expect(a.send(peerB, numberedFrame(1, 8))).rejects.toMatchObject({ code: 'peer_unreachable' })
  })

  it('passes no frame of a peer that is not in it', async () => {
    const { clock, webrtc, a } = await openLinked()
    const senders: string[] = []
    a.onFrame(peer => senders.push(peer))
    webrtc.connect(relay, peerA)
    await webrtc.transport(relay).send(peerA, numberedFrame(1, 8))
    await clock.advance(100)
    expect(senders).toEqual([])
  })

  it('drops a peer that is shut out, on all its ways', async () => {
    const { a, webrtc, axl } = await openLinked()
    a.dropPeer(peerB)
    expect(a.links()).toEqual([])
    for (const network of [webrtc, axl]) expect(network.transport(peerA).links()[0]?.isOpen).toBe(false)
  })

  it('gives a peer up whose ways have all ended before, and takes it back where one opens', async () => {
    const { clock, webrtc, a, b, events, setBoth } = openPair()
    webrtc.connect(peerA, peerB)
    await clock.advance(100)
    webrtc.cut(peerA, peerB)
    events.length = 0
    // Of the same epoch: members keep their links, also those that have ended, and tell nothing of them any more.
    setBoth(1, [{ kind: 'webrtc' }])
    const waiting = expect(a.send(peerB, numberedFrame(1, 100))).rejects.toMatchObject({ code: 'peer_unreachable' })
    await clock.advance(19_000)
    expect(events).toEqual([])
    await clock.advance(2000)
    await waiting
    expect(events).toEqual(['a link-closed', 'b link-closed'])
    webrtc.cut(peerA, peerB)
    await clock.advance(60_000)
    expect(events).toHaveLength(2)
    webrtc.connect(peerA, peerB)
    expect([a.links()[0]?.isOpen, b.links()[0]?.isOpen]).toEqual([true, true])
  })

  it('leaves no deadline behind', async () => {
    const { clock, webrtc, a, b, events, setBoth } = openPair()
    setBoth(2)
    webrtc.connect(peerA, peerB)
    await clock.advance(60_000)
    expect(events.filter(event => event.endsWith('closed'))).toEqual([])
    setBoth(3)
    await Promise.all([a.close(), b.close()])
    expect(clock.pending).toBe(0)
  })

  it('waits with a send until a way is open, or the caller gives up', async () => {
    const { clock, webrtc, a } = openPair()
    const sending = a.send(peerB, numberedFrame(1, 8))
    const abort = new AbortController()
    const given = a.send(peerB, numberedFrame(2, 8), abort.signal)
    abort.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
    webrtc.connect(peerA, peerB)
    await sending
    await clock.advance(100)
    expect(webrtc.delivered(peerA, peerB)).toBe(1)
  })
})
