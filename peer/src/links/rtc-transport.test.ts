import { numberedFrame, type TransportPair, transportContract } from '@computepool/shared/testing'
import { type LinkSignal, protocolVersion } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { isLinked, limits, openLinked, openNet, peerA, peerB } from '../../testing/rtc-pair.ts'

describe('the transport contract, with the page faked', () => {
  it.each(transportContract.map(entry => [entry.name, entry] as const))('%s', async (_, entry) => {
    const { clock, net, a, b } = await openLinked()
    const pair: TransportPair = {
      a,
      b,
      peerA,
      peerB,
      maxFrameBytes: limits.maxFrameBytes,
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
      async cut() {
        for (const peer of [peerA, peerB]) net.changeConnections(peer, 'closed')
      },
      close: async () => {},
    }
    await entry.run(pair)
  })
})

describe('opening', () => {
  it('is told once at each end, with the round trip after it', async () => {
    const { events } = await openLinked()
    const words = events.map(({ at, event }) => `${at === peerA ? 'a' : 'b'} ${event.type}`).sort()
    expect(words).toEqual(['a link-measured', 'a link-opened', 'b link-measured', 'b link-opened'])
    expect(events.find(({ event }) => event.type === 'link-measured')?.event).toMatchObject({ rttMs: 10 })
  })

  it('works where the offer arrives before the assignment that explains it', async () => {
    const { clock, a, b } = openNet()
    a.setPeers([{ peer: peerB, isInitiator: true }], 7)
    await clock.advance(50)
    b.setPeers([{ peer: peerA, isInitiator: false }], 7)
    await clock.advance(100)
    expect([isLinked(a), isLinked(b)]).toEqual([true, true])
  })

  it('works where the offer arrives early of an assignment with a lower number than the last', async () => {
    const { clock, a, b } = openNet()
    b.setPeers([], 12)
    a.setPeers([{ peer: peerB, isInitiator: true }], 10)
    await clock.advance(50)
    b.setPeers([{ peer: peerA, isInitiator: false }], 10)
    await clock.advance(100)
    expect([isLinked(a), isLinked(b)]).toEqual([true, true])
  })

  it('works where the offer arrives before its assignment names the peer', async () => {
    const { clock, a, b } = openNet()
    b.setPeers([], 10)
    a.setPeers([{ peer: peerB, isInitiator: true }], 10)
    await clock.advance(50)
    b.setPeers([{ peer: peerA, isInitiator: false }], 10)
    await clock.advance(100)
    expect([isLinked(a), isLinked(b)]).toEqual([true, true])
  })

  it('works where a member fills the memory for early signals', async () => {
    const { clock, a, b } = openNet()
    const flood: LinkSignal = { type: 'offer-wanted', epoch: 0xffff_ffff, link: 0, toLink: null }
    for (let count = 0; count < 3000; count += 1) b.handleSignal(`0x${'c'.repeat(40)}.00000003`, flood)
    a.setPeers([{ peer: peerB, isInitiator: true }], 7)
    await clock.advance(50)
    b.setPeers([{ peer: peerA, isInitiator: false }], 7)
    await clock.advance(100)
    expect([isLinked(a), isLinked(b)]).toEqual([true, true])
  })

  it('ignores signals of an assignment that is over', async () => {
    const { net, b, setBoth } = openNet()
    setBoth(5)
    const before = net.commands(peerB).length
    const stale: LinkSignal = { type: 'description', epoch: 4, link: 0, toLink: null, sdpType: 'offer', sdp: 'old' }
    b.handleSignal(peerA, stale)
    expect(net.commands(peerB)).toHaveLength(before)
  })

  it('gives up at its deadline, and with it all that waited to be sent', async () => {
    const { clock, a, closings } = openNet()
    a.setPeers([{ peer: peerB, isInitiator: true }], 1)
    const waiting = expect(a.send(peerB, numberedFrame(1, 8))).rejects.toMatchObject({ code: 'peer_unreachable' })
    await clock.advance(20_000)
    await waiting
    expect(closings()).toEqual(['a: peer_unreachable'])
  })

  it('refuses a peer of another version by name', async () => {
    const { closings } = await openLinked({
      tamper: (from, _, data) =>
        from === peerB && typeof data === 'string'
          ? data.replace(`"version":${protocolVersion}`, '"version":99')
          : data,
    })
    expect(closings()).toEqual(['a: peer_version_refused', 'b: peer_disconnected'])
  })

  it('refuses a hello in another peer’s name', async () => {
    const { closings } = await openLinked({
      tamper: (from, _, data) => (from === peerB && typeof data === 'string' ? data.replace(/0xb/, '0xc') : data),
    })
    expect(closings()[0]).toBe('a: peer_message_invalid')
  })
})

describe('an open link', () => {
  it('carries a token past a prompt that is under way', async () => {
    const { clock, a, b } = await openLinked()
    const arrivals: number[] = []
    b.onFrame((_, frame) => arrivals.push(frame.length))
    const prompt = a.send(peerB, numberedFrame(1, 900_000))
    const token = a.send(peerB, numberedFrame(2, 120))
    await clock.advance(1000)
    await Promise.all([prompt, token])
    expect(arrivals).toEqual([120, 900_000])
  })

  it('measures what it carries, from large frames', async () => {
    const { clock, a } = await openLinked()
    const rate = (): number | null | undefined => a.links()[0]?.bytesPerSecond
    await a.send(peerB, numberedFrame(1, 5000))
    await clock.advance(100)
    expect(rate()).toBeNull()
    const large = a.send(peerB, numberedFrame(2, 900_000))
    await clock.advance(1000)
    await large
    // The fake's buffer lets go of all that it has within 5 ms.
    expect(rate()).toBeGreaterThan(32_768 / 0.005)
    expect(rate()).toBeLessThan(1_000_000 / 0.005)
  })

  it('pings more often while frames pass', async () => {
    const { clock, net, a } = await openLinked()
    const pings = (): number =>
      net.commands(peerA).filter(command => command.type === 'send-by-proxy' && String(command.data).includes('"ping"'))
        .length
    await clock.advance(2000)
    const before = pings()
    await clock.advance(2000)
    const idle = pings() - before
    for (let step = 0; step < 20; step += 1) {
      await a.send(peerB, numberedFrame(step, 100))
      await clock.advance(100)
    }
    expect(idle).toBe(5)
    expect(pings() - before - idle).toBeGreaterThan(15)
  })

  it('is given up when the other side falls silent for a minute', async () => {
    let isSilent = false
    const { clock, closings } = await openLinked({ tamper: (_, __, data) => (isSilent ? null : data) })
    await clock.advance(100_000)
    expect(closings()).toEqual([])
    isSilent = true
    await clock.advance(59_000)
    expect(closings()).toEqual([])
    await clock.advance(2000)
    expect(closings()).toEqual(expect.arrayContaining(['a: peer_timed_out']))
  })

  it('is given up within five seconds when the other side falls silent at work, but not while it may load', async () => {
    let isSilent = false
    const { clock, a, closings, setBoth } = await openLinked({ tamper: (_, __, data) => (isSilent ? null : data) })
    const work = async (durationMs: number): Promise<void> => {
      for (let ms = 0; ms < durationMs; ms += 100) {
        void a.send(peerB, numberedFrame(ms, 100)).catch(() => {})
        await clock.advance(100)
      }
    }
    await work(5000)
    isSilent = true
    setBoth(2)
    await clock.advance(20_000)
    expect(closings()).toEqual([])
    isSilent = false
    await work(5000)
    isSilent = true
    await work(4500)
    expect(closings()).toEqual([])
    await work(1000)
    expect(closings()[0]).toContain('peer_timed_out')
  })

  it('survives a lost path that comes back, and asks for new candidates meanwhile', async () => {
    const { clock, net, closings } = await openLinked()
    net.changeConnections(peerA, 'disconnected')
    await clock.advance(7000)
    net.changeConnections(peerA, 'connected')
    await clock.advance(20_000)
    expect(net.commands(peerA).filter(command => command.type === 'restart-ice')).toHaveLength(1)
    expect(closings()).toEqual([])
  })

  it('restarts with the ICE servers that were given last, and so do new links', async () => {
    const { clock, net, a, setBoth } = await openLinked()
    const renewed = [{ urls: ['turn:relay.test'], username: '2:a', credential: 'new' }]
    a.setIceServers(renewed)
    net.changeConnections(peerA, 'disconnected')
    await clock.advance(1)
    setBoth(2)
    const commands = net.commands(peerA)
    const opened = commands.flatMap(command => (command.type === 'open-link' ? [command] : []))
    expect(commands.flatMap(command => (command.type === 'set-ice-servers' ? [command] : []))).toEqual([
      { type: 'set-ice-servers', link: opened[0]!.link, iceServers: renewed },
    ])
    expect(opened.map(({ iceServers }) => iceServers)).toEqual([[], renewed])
  })

  it('is closed by name when the path stays lost', async () => {
    const { clock, net, closings } = await openLinked()
    net.changeConnections(peerA, 'disconnected')
    await clock.advance(9000)
    expect(closings()[0]).toBe('a: peer_disconnected')
  })

  it('is closed by a fragment that is none, a fragment that never comes, and text among frames', async () => {
    const spoiled = (spoil: (data: ArrayBuffer) => ArrayBuffer | string | null) =>
      openLinked({ tamper: (_, channel, data) => (channel === 'frames' ? spoil(data as ArrayBuffer) : data) })
    const malformed = await spoiled(data => data.slice(0, 10))
    await malformed.a.send(peerB, numberedFrame(1, 100))
    await malformed.clock.advance(100)
    expect(malformed.closings()).toEqual(['b: peer_frame_invalid', 'a: peer_disconnected'])

    let passed = 0
    const torn = await spoiled(data => (passed++ === 1 ? null : data))
    await torn.a.send(peerB, numberedFrame(1, 20_000))
    await torn.clock.advance(31_000)
    expect(torn.closings()).toEqual(['b: peer_timed_out', 'a: peer_disconnected'])

    const text = await spoiled(() => 'hello')
    await text.a.send(peerB, numberedFrame(1, 100))
    await text.clock.advance(100)
    expect(text.closings()[0]).toBe('b: peer_frame_invalid')
  })
})
