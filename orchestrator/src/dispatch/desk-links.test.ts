import { greedy } from '@computepool/shared/pipeline'
import { describe, expect, it } from 'vitest'
import type { FakeTab } from '../../testing/fake-tab.ts'
import { readTokens } from '../../testing/read-answer.ts'
import { createTestPool, type TestPool } from '../../testing/test-pool.ts'

const order = { promptTokens: [1, 2], maxTokens: 4, stopTokens: [], sampling: greedy }
const axl = (digit: string) => ({ webrtc: false, axl: digit.repeat(64) })

/** A tab, a node behind AXL, and `relays` relays between them, serving. */
async function joinMixed(pool: TestPool, relays = 1): Promise<{ tab: FakeTab; node: FakeTab; bridges: FakeTab[] }> {
  const { model } = pool
  const bridges = Array.from({ length: relays }, (_, index) =>
    pool.hub.tab(11 + index, { model, role: 'relay', reach: { webrtc: true, axl: `${index + 1}`.repeat(64) } }),
  )
  const tab = pool.hub.tab(1, { model })
  const node = pool.hub.tab(2, { model, engine: 'native', reach: axl('b') })
  for (const peer of [...bridges, tab, node]) peer.join()
  await pool.clock.settle()
  return { tab, node, bridges }
}
const relayWork = (relay: FakeTab) => relay.commands.filter(command => command.type === 'assign-relay')

describe('the desk and relays', () => {
  it('tells a relay whom it serves before the seats hear of it, and lets it signal them', async () => {
    const pool = createTestPool()
    const { tab, node, bridges } = await joinMixed(pool)
    const [bridge] = bridges
    const told = bridge!.commands.map(({ type }) => type).filter(type => type !== 'standing-told')
    expect(told).toEqual(['model-offered', 'assign-relay'])
    const { epoch, coalition } = tab.assignment()
    const members = [
      { peer: tab.peer, axl: null },
      { peer: node.peer, axl: 'b'.repeat(64) },
    ]
    expect(relayWork(bridge!)).toEqual([{ type: 'assign-relay', epoch, coalition, members }])
    expect([...pool.hub.coalitions.values()]).toEqual([[tab.peer, node.peer, bridge!.peer]])
    const secret = tab.assignment().routes[0]!.secret
    expect(tab.assignment().routes).toEqual([
      { peer: node.peer, paths: [{ kind: 'relay', via: bridge!.peer, key: null }], secret },
    ])
    expect(node.assignment().routes).toEqual([
      { peer: tab.peer, paths: [{ kind: 'relay', via: bridge!.peer, key: '1'.repeat(64) }], secret },
    ])
    expect(JSON.stringify([pool.desk.snapshot(), relayWork(bridge!)])).not.toContain(secret)
    expect(pool.desk.snapshot()).toMatchObject({
      status: 'ready',
      seats: [
        { linkKind: 'relay', engine: 'wasm' },
        { linkKind: 'relay', engine: 'native' },
      ],
    })
  })

  it('leaves an unneeded relay out of the coalition', async () => {
    const pool = createTestPool()
    const bridge = pool.hub.tab(9, { model: pool.model, role: 'relay', reach: axl('9') })
    bridge.join()
    const [a, b] = await pool.joinTabs(2)
    expect([...pool.hub.coalitions.values()]).toEqual([[a!.peer, b!.peer]])
    expect(relayWork(bridge)).toEqual([])
    expect(pool.desk.snapshot().relays).toEqual([{ peer: bridge.peer, members: [] }])
  })

  it('goes on without a relay that another replaces, and no more without the last', async () => {
    const pool = createTestPool()
    const { tab, node, bridges } = await joinMixed(pool, 2)
    const answer = readTokens(pool.desk.submit(order))
    const { requestId } = await tab.nextJob()
    tab.token(requestId, 0, 1)
    bridges[0]!.leave()
    expect([...pool.hub.coalitions.values()]).toEqual([[tab.peer, node.peer, bridges[1]!.peer]])
    tab.token(requestId, 1, 2)
    bridges[1]!.leave()
    expect(await answer).toEqual({ tokens: [1, 2], code: 'swarm_coalition_lost' })
    expect([...pool.hub.coalitions.values()]).toEqual([])
    expect(() => pool.desk.submit(order)).toThrow(/no relay is open: run `computepool bridge`/)
  })

  it('ends a relay’s work with its coalition', async () => {
    const pool = createTestPool()
    const { tab, bridges } = await joinMixed(pool)
    const { epoch, coalition } = tab.assignment()
    tab.leave()
    expect(relayWork(bridges[0]!).at(-1)).toEqual({ type: 'assign-relay', epoch, coalition, members: [] })
  })

  it('shows what a relay passed on and refused', async () => {
    const pool = createTestPool()
    const { tab, node, bridges } = await joinMixed(pool)
    const members = [{ peer: tab.peer, forwardedBytes: 5120, refusedBytes: 7 }]
    bridges[0]!.say({ type: 'relay-reported', epoch: tab.assignment().epoch, members })
    expect(pool.desk.snapshot().relays).toEqual([
      { peer: bridges[0]!.peer, members: [members[0], { peer: node.peer, forwardedBytes: null, refusedBytes: null }] },
    ])
  })
})

describe('the desk and a peer that drains', () => {
  it('lets what runs finish, keeps what comes for the next ring, and releases the peer', async () => {
    const pool = createTestPool()
    const [entry, exit] = await pool.joinTabs(2)
    const spare = pool.hub.tab(3, { model: pool.model })
    spare.join()
    const running = readTokens(pool.desk.submit(order))
    const { requestId } = await entry!.nextJob()
    exit!.say({ type: 'peer-draining' })
    const next = readTokens(pool.desk.submit(order))
    expect(pool.desk.snapshot()).toMatchObject({ activeRequests: 1, queuedRequests: 1 })
    entry!.tokens(requestId, [1, 2])
    expect(exit!.commands.some(({ type }) => type === 'release-slice')).toBe(false)
    entry!.finish(requestId, 'stop')
    expect(await running).toEqual({ tokens: [1, 2], code: null })
    const released = await exit!.commandOf('release-slice')
    expect(released.epoch).toBe(exit!.assignment().epoch)
    await pool.clock.settle()
    expect(spare.assignment().seats.map(({ peer }) => peer)).toEqual([entry!.peer, spare.peer])
    const job = await entry!.nextJob()
    entry!.token(job.requestId, 0, 9)
    entry!.finish(job.requestId, 'stop')
    expect(await next).toEqual({ tokens: [9], code: null })
    expect(entry!.cancelled).toEqual([])
    expect(pool.faults).toEqual([])
  })

  it('refuses what comes where nobody can take over, and lets what runs finish all the same', async () => {
    const pool = createTestPool()
    const [entry, exit] = await pool.joinTabs(2)
    const running = readTokens(pool.desk.submit(order))
    const { requestId } = await entry!.nextJob()
    entry!.say({ type: 'peer-draining' })
    expect(() => pool.desk.submit(order)).toThrow(expect.objectContaining({ code: 'swarm_layers_missing' }))
    expect(() => pool.desk.requireRing()).toThrow(/^Draining: tab .* wants to leave/)
    entry!.token(requestId, 0, 1)
    entry!.finish(requestId, 'stop')
    expect(await running).toEqual({ tokens: [1], code: null })
    await Promise.all([entry!.commandOf('release-slice'), exit!.commandOf('release-slice')])
    expect(pool.desk.snapshot().status).toBe('waiting')
  })

  it('releases at once where nothing runs, and serves on with others', async () => {
    const pool = createTestPool()
    const [entry, exit] = await pool.joinTabs(2)
    const spare = pool.hub.tab(3, { model: pool.model })
    spare.join()
    entry!.say({ type: 'peer-draining' })
    await entry!.commandOf('release-slice')
    await pool.clock.settle()
    expect(spare.assignment().seats.map(({ peer }) => peer)).toEqual([spare.peer, exit!.peer])
    expect(pool.desk.snapshot().status).toBe('ready')
  })
})
