import { type HubReply, type HubRequest, type LinkSignal, protocolVersion } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { createHubFixture, peerOf, type Tab, testAccount } from '../testing/hub-fixture.ts'

const signal: LinkSignal = { type: 'description', epoch: 1, link: 0, toLink: null, sdpType: 'offer', sdp: 'v=0' }
const refusalOf = (tab: Tab): Extract<HubReply, { type: 'refused' }>['error'] | undefined => tab.last('refused')?.error
const oddities: HubRequest[] = [
  { type: 'signal', to: peerOf(testAccount(2)), signal },
  { type: 'desk', request: { type: 'peer-leaving' } },
  { type: 'ping', nonce: 1 },
]

/** Authenticates with a signature and a text of the test's choosing; settles when the hub has answered. */
async function answer(tab: Tab, message: string, signature: string): Promise<void> {
  const before = tab.received.length
  tab.send({ type: 'authenticate', message, signature })
  while (tab.received.length === before && !tab.closed) await new Promise(resolve => setImmediate(resolve))
}

describe('joining', () => {
  it('welcomes a tab that signs the challenge, and tells the desk', async () => {
    const { heard, hub, openTab } = createHubFixture()
    const tab = openTab()
    await tab.join()
    expect(tab.last('welcome')).toEqual({ type: 'welcome', peer: tab.peer, silenceLimitMs: 30_000 })
    expect(heard).toEqual([{ type: 'connected', peer: tab.peer }])
    expect(hub.peers()).toEqual([tab.peer])
  })

  it('asks for the signature in words that a wallet understands', () => {
    const { openTab } = createHubFixture()
    const challenge = openTab().hello()
    expect(challenge).toMatchInlineSnapshot(`
      "localhost:8787 wants you to sign in with your Ethereum account:
      0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf

      Join ComputePool with this browser tab. Signing proves that this address is yours. It moves no funds and costs nothing.

      URI: http://localhost:8787
      Version: 1
      Chain ID: 1
      Nonce: a00087fbf7479cb86dfe747d23673f27
      Issued At: 2026-01-01T00:00:00.000Z
      Expiration Time: 2026-01-01T00:02:00.000Z
      Request ID: 0x7e5f4552091a69125d5dfcb7b8c2659029395bdf.00000001"
    `)
  })

  it.each(oddities)('refuses a $type before authentication', request => {
    const { heard, openTab } = createHubFixture()
    const tab = openTab()
    tab.send(request)
    expect(refusalOf(tab)?.code).toBe('peer_unauthenticated')
    expect(tab.closed?.code).toBe(4003)
    expect(heard).toEqual([])
  })

  it('refuses a signature by another wallet', async () => {
    const { hub, openTab } = createHubFixture()
    const tab = openTab()
    const message = tab.hello()
    await answer(tab, message, await testAccount(2).signMessage({ message }))
    expect(refusalOf(tab)?.code).toBe('peer_unauthenticated')
    expect(hub.peers()).toEqual([])
  })

  it('refuses a text other than the challenge, however well signed', async () => {
    const { openTab } = createHubFixture()
    const tab = openTab()
    const message = tab.hello().replace('localhost', 'elsewhere')
    await answer(tab, message, await tab.account.signMessage({ message }))
    expect(refusalOf(tab)?.message).toBe('The signed text is not the challenge of this connection')
  })

  it('refuses the answer to a challenge of another connection: a nonce serves once', async () => {
    const { hub, openTab } = createHubFixture()
    const first = openTab()
    const message = first.hello()
    const signature = await first.account.signMessage({ message })
    await answer(first, message, signature)
    expect(first.last('welcome')).toBeDefined()

    const replayed = openTab()
    replayed.hello()
    await answer(replayed, message, signature)
    expect(refusalOf(replayed)?.code).toBe('peer_unauthenticated')
    const unasked = openTab()
    await answer(unasked, message, signature)
    expect(refusalOf(unasked)?.code).toBe('peer_unauthenticated')
    expect(hub.peers()).toEqual([first.peer])
    expect(first.closed).toBeNull()
  })

  it('refuses a second try on one connection', async () => {
    const { openTab } = createHubFixture()
    const tab = openTab()
    const message = tab.hello()
    const signature = await testAccount(2).signMessage({ message })
    tab.send({ type: 'authenticate', message, signature })
    await answer(tab, message, await tab.account.signMessage({ message }))
    expect(tab.closed?.code).toBe(4003)
    expect(tab.last('welcome')).toBeUndefined()
  })

  it('closes a connection that says nothing, and one that never signs', async () => {
    const { clock, openTab } = createHubFixture()
    const mute = openTab()
    const unsigned = openTab()
    unsigned.hello()
    await clock.advance(10_000)
    expect([refusalOf(mute)?.code, mute.closed?.code]).toEqual(['peer_timed_out', 4008])
    expect(unsigned.closed).toBeNull()
    await clock.advance(110_000)
    expect(refusalOf(unsigned)).toMatchObject({ code: 'peer_timed_out', message: 'The challenge expired unsigned' })
    expect(unsigned.closed?.code).toBe(4008)
  })

  it('refuses a challenge that expired by the wall clock while the timer slept', async () => {
    const fixture = createHubFixture()
    let skewMs = 0
    const { clock } = fixture
    const { openTab } = createHubFixture({}, { clock: { ...clock, wallMs: () => clock.wallMs() + skewMs } })
    const tab = openTab()
    const message = tab.hello()
    skewMs = 120_000
    await answer(tab, message, await tab.account.signMessage({ message }))
    expect(refusalOf(tab)).toMatchObject({ code: 'peer_timed_out', message: 'The challenge has expired' })
  })

  it('refuses another protocol version by name', () => {
    const { openTab } = createHubFixture()
    const tab = openTab()
    tab.send({ type: 'hello', version: 99, peer: tab.peer })
    expect(refusalOf(tab)).toMatchObject({
      code: 'peer_version_refused',
      context: { version: 99, supported: protocolVersion },
    })
    expect(tab.closed?.code).toBe(4000)
  })

  it('lets a peer that comes back replace its old connection', async () => {
    const { heard, hub, openTab } = createHubFixture()
    const old = openTab()
    await old.join()
    const fresh = openTab()
    await fresh.join()
    expect(old.closed?.code).toBe(4001)
    expect(heard.map(event => event.type)).toEqual(['connected', 'gone', 'connected'])
    expect(heard[1]).toMatchObject({ reason: 'replaced' })
    expect(hub.command(fresh.peer, { type: 'release-slice', epoch: 1 })).toBe(true)
    expect(fresh.last('desk')).toBeDefined()
    expect(old.last('desk')).toBeUndefined()
  })

  it('holds no more peers than its limit, but lets one of them come back', async () => {
    const { openTab } = createHubFixture({ maxPeers: 1 })
    await openTab().join()
    const second = openTab(testAccount(2))
    await second.join()
    expect(refusalOf(second)?.code).toBe('swarm_busy')
    const again = openTab()
    await again.join()
    expect(again.last('welcome')).toBeDefined()
  })
})

describe('signals', () => {
  const together = async (limits = {}) => {
    const fixture = createHubFixture(limits)
    const tabs = [1, 2, 3].map(number => fixture.openTab(testAccount(number)))
    for (const tab of tabs) await tab.join()
    const [a, b, stranger] = tabs as [Tab, Tab, Tab]
    fixture.hub.setCoalition('c1', [a.peer, b.peer])
    fixture.hub.setCoalition('c2', [stranger.peer])
    return { ...fixture, a, b, stranger }
  }

  it('reach a member of the coalition, with the true sender on them', async () => {
    const { a, b } = await together()
    a.send({ type: 'signal', to: b.peer, signal })
    expect(b.last('signal')).toEqual({ type: 'signal', from: a.peer, signal })
  })

  it('do not cross from one coalition to another, and the socket stays open', async () => {
    const { a, stranger } = await together()
    stranger.send({ type: 'signal', to: a.peer, signal })
    expect(a.last('signal')).toBeUndefined()
    expect(refusalOf(stranger)).toMatchObject({ code: 'peer_unreachable', context: { to: a.peer } })
    expect(stranger.closed).toBeNull()
  })

  it('do not pass between strangers whom one relay serves', async () => {
    const { a, b, stranger, hub, openTab } = await together()
    const relay = openTab(testAccount(4))
    await relay.join()
    hub.setCoalition('c1', [a.peer, b.peer, relay.peer])
    hub.setCoalition('c2', [stranger.peer, relay.peer])
    for (const peer of [a, b, stranger]) relay.send({ type: 'signal', to: peer.peer, signal })
    expect([a, b, stranger].map(peer => peer.last('signal')?.from)).toEqual([relay.peer, relay.peer, relay.peer])
    a.send({ type: 'signal', to: stranger.peer, signal })
    expect(stranger.received.filter(reply => reply.type === 'signal')).toHaveLength(1)
    expect(refusalOf(a)?.code).toBe('peer_unreachable')
    // Dropped from one coalition, it keeps the other.
    hub.setCoalition('c1', [a.peer, b.peer])
    relay.send({ type: 'signal', to: a.peer, signal })
    relay.send({ type: 'signal', to: stranger.peer, signal })
    expect(a.received.filter(reply => reply.type === 'signal')).toHaveLength(1)
    expect(stranger.received.filter(reply => reply.type === 'signal')).toHaveLength(2)
  })

  it('leave room for a relay that opens links to a full coalition at once', async () => {
    const { a, b } = await together()
    // 63 others, each with a description, an end of candidates and twenty candidates.
    for (let count = 0; count < 63 * 22; count += 1) a.send({ type: 'signal', to: b.peer, signal })
    expect(a.closed).toBeNull()
  })

  it('stop when the coalition is dissolved', async () => {
    const { a, b, hub } = await together()
    hub.setCoalition('c1', [])
    a.send({ type: 'signal', to: b.peer, signal })
    expect(b.last('signal')).toBeUndefined()
  })

  it('to a member that has left are refused by name', async () => {
    const { a, b } = await together()
    b.drop()
    a.send({ type: 'signal', to: b.peer, signal })
    expect(refusalOf(a)?.code).toBe('peer_unreachable')
  })

  it('in a flood close the connection, and the desk hears it', async () => {
    const { a, b, heard } = await together({ signalRate: { burst: 10, perSecond: 1 } })
    for (let count = 0; count < 50; count += 1) a.send({ type: 'signal', to: b.peer, signal })
    expect(b.received.filter(reply => reply.type === 'signal')).toHaveLength(10)
    expect(refusalOf(a)?.code).toBe('peer_rate_limited')
    expect(a.closed?.code).toBe(4029)
    expect(heard.at(-1)).toEqual({ type: 'gone', peer: a.peer, reason: 'refused' })
  })
})

describe('the desk', () => {
  it('hears the requests of a peer, and commands it', async () => {
    const { heard, hub, openTab } = createHubFixture()
    const tab = openTab()
    await tab.join()
    tab.send({
      type: 'desk',
      request: { type: 'peer-joined', version: 1, agent: 'test', role: 'operator', reach: { webrtc: true, axl: null } },
    })
    expect(heard.at(-1)).toMatchObject({ type: 'request', peer: tab.peer, request: { type: 'peer-joined' } })
    expect(hub.command(tab.peer, { type: 'cancel-request', requestId: 'r' })).toBe(true)
    expect(tab.last('desk')?.command).toEqual({ type: 'cancel-request', requestId: 'r' })
    expect(hub.command(peerOf(testAccount(9)), { type: 'cancel-request', requestId: 'r' })).toBe(false)
  })

  it('that fails does not take the hub down', async () => {
    const faults: unknown[] = []
    const desk = {
      peerConnected() {},
      peerRequest() {
        throw new Error('desk on fire')
      },
      peerGone() {},
    }
    const { openTab } = createHubFixture({}, { desk, onFault: fault => void faults.push(fault) })
    const tab = openTab()
    await tab.join()
    tab.send({ type: 'desk', request: { type: 'peer-leaving' } })
    tab.send({ type: 'ping', nonce: 3 })
    expect(tab.last('pong')).toEqual({ type: 'pong', nonce: 3 })
    expect(faults).toHaveLength(1)
  })

  it('hears once of a peer that leaves, and of all when the hub closes', async () => {
    const { heard, hub, openTab } = createHubFixture()
    const one = openTab()
    const two = openTab(testAccount(2))
    await one.join()
    await two.join()
    one.drop()
    hub.close()
    hub.close()
    expect(heard.slice(2)).toEqual([
      { type: 'gone', peer: one.peer, reason: 'left' },
      { type: 'gone', peer: two.peer, reason: 'hub-closed' },
    ])
  })
})

describe('limits', () => {
  it('a peer that falls silent is forgotten; one that pings is not', async () => {
    const { clock, heard, hub, openTab } = createHubFixture()
    const quiet = openTab()
    const alive = openTab(testAccount(2))
    await quiet.join()
    await alive.join()
    for (let beat = 0; beat < 4; beat += 1) {
      await clock.advance(10_000)
      alive.send({ type: 'ping', nonce: beat })
    }
    expect(hub.peers()).toEqual([alive.peer])
    expect(heard.at(-1)).toEqual({ type: 'gone', peer: quiet.peer, reason: 'silent' })
    expect(quiet.closed?.code).toBe(4008)
  })

  it('leave no timer behind when everybody is gone', async () => {
    const { clock, openTab } = createHubFixture()
    const tab = openTab()
    await tab.join()
    openTab().drop()
    tab.drop()
    expect(clock.pending).toBe(0)
  })

  it('a message over the size limit closes the connection', async () => {
    const { openTab } = createHubFixture({ maxMessageBytes: 1000 })
    const tab = openTab()
    await tab.join()
    tab.sendText(JSON.stringify({ type: 'ping', nonce: 1, padding: 'x'.repeat(1000) }))
    expect(refusalOf(tab)?.context).toEqual({ sizeBytes: 1038, limitBytes: 1000 })
    expect(tab.closed?.code).toBe(4009)
  })

  it.each(['', '{', 'null', '[]', '{"type":"nonsense"}', '{"type":"ping"}', '{"type":"ping","nonce":1,"extra":2}'])(
    'a malformed message closes the connection: %s',
    async text => {
      const { openTab } = createHubFixture()
      const tab = openTab()
      await tab.join()
      tab.sendText(text)
      expect(refusalOf(tab)?.code).toBe('peer_message_invalid')
      expect(tab.closed?.code).toBe(4000)
    },
  )

  it('a flood of messages closes the connection; what stays within the rate does not', async () => {
    const { clock, openTab } = createHubFixture({ messageRate: { burst: 20, perSecond: 10 } })
    const tab = openTab()
    await tab.join()
    for (let second = 0; second < 5; second += 1) {
      await clock.advance(1000)
      for (let nonce = 0; nonce < 10; nonce += 1) tab.send({ type: 'ping', nonce })
    }
    expect(tab.closed).toBeNull()
    for (let nonce = 0; nonce < 30; nonce += 1) tab.send({ type: 'ping', nonce })
    expect(tab.closed?.code).toBe(4029)
  })

  it('one address cannot open sockets or say hello without end; another address still can', () => {
    const { openTab } = createHubFixture({ maxLinksPerAddress: 3, helloRate: { burst: 2, perSecond: 1 } })
    const tabs = Array.from({ length: 4 }, () => openTab())
    expect(tabs.map(tab => tab.closed?.code)).toEqual([undefined, undefined, undefined, 4029])
    for (const tab of tabs.slice(0, 3)) tab.hello()
    expect(tabs.map(tab => tab.closed?.code)).toEqual([undefined, undefined, 4029, 4029])
    expect(openTab(testAccount(1), { remoteAddress: '192.0.2.2' }).hello()).toContain('wants you to sign in')
  })
})
