import { describe, expect, it } from 'vitest'
import { byChannels, byDaemon, createSwarmShell, shellPeer } from '../../testing/swarm-shell.ts'
import { linkRouteSchema, protocolVersion, type Reach } from '../wire/index.ts'
import { placeSwarm } from './place-swarm.ts'
import type { SwarmState } from './swarm-state.ts'

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(shellPeer) as [string, string, string, string]
const [r, s] = [shellPeer('e'), shellPeer('f')]
const both = (digit: string): Reach => ({ webrtc: true, axl: digit.repeat(64) })
type Shell = ReturnType<typeof createSwarmShell>

function joinAll(shell: Shell, peers: ReadonlyArray<readonly [string, Reach]>): void {
  for (const [peer, reach] of peers) shell.join(peer, 5000, 1, reach)
}

/** Who would be seated if nothing stood yet, with these links measured. */
function fresh(shell: Shell, measures: SwarmState['measures'] = {}): string[] {
  const placement = placeSwarm({ ...shell.state(), coalitions: [], previous: [], measures })
  return placement.kind === 'placed' ? placement.seats.map(seat => seat.peer) : []
}
/** One after the other to a pool with the relay `r`, whose rings are ready before the next comes. */
function crowd(reaches: readonly Reach[]) {
  const shell = createSwarmShell()
  const living = () => shell.state().coalitions
  shell.joinRelay(r)
  for (const [index, reach] of reaches.entries()) {
    shell.join(shellPeer(`${index + 1}`), 5000, 1, reach)
    while (living().some(({ status }) => status === 'forming')) shell.serve()
    for (const { standbys } of living()) for (const { peer } of standbys) shell.sliceReady(peer)
  }
  return { shell, relaysOf: () => living().map(({ relays }) => relays.map(({ relay }) => relay)) }
}
const formed = (shell: Shell) => shell.acts.filter(act => act.type === 'form-coalition')

describe('placement and links', () => {
  it('prefers a WebRTC neighbour to an AXL one, and a faster seat to both', () => {
    const shell = createSwarmShell()
    joinAll(shell, [
      [a, both('a')],
      [b, byDaemon('b')],
      [c, byChannels],
    ])
    expect(fresh(shell).sort()).toEqual([a, c])
    const fast = createSwarmShell()
    fast.join(a, 5000, 20, both('a'))
    fast.join(b, 5000, 1, byDaemon('b'))
    fast.join(c, 5000, 20, byChannels)
    expect(fresh(fast).sort()).toEqual([a, b])
  })

  it('uses AXL where it is the only way', () => {
    const shell = createSwarmShell()
    joinAll(shell, [
      [a, byDaemon('a')],
      [b, both('b')],
    ])
    expect(shell.routesOf(a)).toEqual([{ peer: b, paths: [{ kind: 'axl', key: 'b'.repeat(64) }] }])
    shell.serve()
    expect(shell.view()).toMatchObject({ status: 'ready', seats: [{ linkKind: 'axl', linkRttMs: 3 }, {}] })
  })

  it('uses AXL where it was measured faster', () => {
    const shell = createSwarmShell()
    joinAll(shell, [
      [a, both('a')],
      [b, byDaemon('b')],
      [c, byChannels],
    ])
    const webrtc = { rttMs: 90, bytesPerSecond: null }
    const axl = { rttMs: 8, bytesPerSecond: null }
    const measures = { [`${a}|${b}`]: { axl }, [`${a}|${c}`]: { webrtc } }
    expect(fresh(shell, measures).sort()).toEqual([a, b])
    // A fast pong does not help where frames crawl: 2,000 bytes at 10 kB/s are 200 ms.
    const slow = { [`${a}|${b}`]: { axl: { rttMs: 8, bytesPerSecond: 1e4 } }, [`${a}|${c}`]: { webrtc } }
    expect(fresh(shell, slow).sort()).toEqual([a, c])
  })

  it('remembers what links measured, by kind, for the next routes', () => {
    const shell = createSwarmShell()
    joinAll(shell, [
      [a, both('a')],
      [b, both('b')],
    ])
    const kinds = (): string[] => shell.routesOf(a)[0]!.paths.map(({ kind }) => kind)
    const report = (kind: 'webrtc' | 'axl', rttMs: number, bytesPerSecond: number | null): void => {
      const links = [{ peer: b, kind, isOpen: true, rttMs, bytesPerSecond }]
      shell.say(a, { type: 'links-reported', epoch: shell.epoch(), links })
    }
    expect(kinds()).toEqual(['webrtc', 'axl'])
    report('webrtc', 90, 1e6)
    report('axl', 8, 1e6)
    // Made anew, not yet with a large frame: the rate is kept.
    report('axl', 9, null)
    shell.gone(b)
    shell.join(b, 5000, 1, both('b'))
    expect(kinds()).toEqual(['axl', 'webrtc'])
    expect(shell.state().measures).toEqual({
      [`${a}|${b}`]: { webrtc: { rttMs: 90, bytesPerSecond: 1e6 }, axl: { rttMs: 9, bytesPerSecond: 1e6 } },
    })
  })

  it('puts a tab and a node behind AXL together through a relay, whichever comes last', () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const shell = createSwarmShell()
      const joins = [
        () => shell.join(a, 5000, 1, byChannels),
        () => shell.join(b, 5000, 1, byDaemon('b')),
        () => shell.joinRelay(r),
      ]
      for (const index of order) joins[index]!()
      expect(shell.seats().map(seat => seat[0])).toEqual(['a', 'b'])
      expect(formed(shell)).toMatchObject([
        {
          routes: [
            [{ peer: b, paths: [{ kind: 'relay', via: r, key: null }] }],
            [{ peer: a, paths: [{ kind: 'relay', via: r, key: 'e'.repeat(64) }] }],
          ],
          relays: [
            {
              relay: r,
              members: [
                { peer: a, axl: null },
                { peer: b, axl: 'b'.repeat(64) },
              ],
            },
          ],
        },
      ])
      shell.serve()
      expect(shell.view()).toMatchObject({
        status: 'ready',
        explanation: "Ready: 2 peers hold the model's 6 layers.",
        seats: [{ linkKind: 'relay' }, { linkKind: 'relay', engine: 'native' }],
        waitingPeers: 0,
      })
    }
  })

  it('explains in words that peers cannot reach each other', () => {
    const shell = createSwarmShell()
    const words = [
      () => shell.join(a, 5000, 1, byChannels),
      () => shell.join(b, 5000, 1, byDaemon('b')),
      () => shell.joinRelay(r, byDaemon('e')),
      () => shell.joinRelay(s, byChannels),
    ].map(step => {
      step()
      return shell.view().explanation
    })
    expect(words).toMatchInlineSnapshot(`
      [
        "1 of 2 tabs is here; open one more.",
        "The 2 peers here cannot reach each other (1 by WebRTC only, 1 by AXL only), and no relay is open: run \`computepool bridge\`.",
        "The 2 peers here cannot reach each other (1 by WebRTC only, 1 by AXL only), and the open relay does not reach both sides: run \`computepool bridge\`.",
        "The 2 peers here cannot reach each other (1 by WebRTC only, 1 by AXL only), and none of the 2 open relays reaches both sides: run \`computepool bridge\`.",
      ]
    `)
    expect(shell.view().status).toBe('waiting')
    shell.gone(s)
    shell.joinRelay(s)
    expect(shell.view().status).toBe('forming')
  })

  it('never puts two next to each other that have no way, and still sends word past them', () => {
    const shell = createSwarmShell({ minSeats: 4 })
    joinAll(shell, [
      [a, byChannels],
      [b, byDaemon('b')],
      [c, both('c')],
      [d, both('d')],
    ])
    expect(shell.seats().map(seat => seat[0])).toEqual(['a', 'c', 'b', 'd'])
    expect(shell.routesOf(a).map(({ peer }) => peer)).toEqual([c, d])
    for (const peer of [a, b, c, d]) {
      for (const route of shell.routesOf(peer)) expect(linkRouteSchema.safeParse(route).success).toBe(true)
    }
  })

  it('finds a ring among many of which most cannot reach each other', () => {
    const shell = createSwarmShell()
    const alone: Reach = { webrtc: false, axl: null }
    // Roomier and faster than the two that can be linked, so that a pre-selection of eight has none of those.
    for (let index = 10; index < 22; index++) shell.join(shellPeer(`1${index}`), 9000, 0.1, alone)
    expect(shell.status()).toBe('waiting')
    shell.join(a, 5000, 1, byChannels)
    shell.join(b, 5000, 1, byChannels)
    expect(shell.seats()).toEqual(['a:0-3', 'b:3-6'])
  })

  it('tries a pair again that failed, as soon as a relay opens another way', () => {
    const shell = createSwarmShell()
    joinAll(shell, [
      [a, byChannels],
      [b, byChannels],
    ])
    for (const peer of [a, b]) shell.sliceReady(peer)
    shell.advance(46_000)
    expect(shell.seats().map(seat => seat[0])).toEqual(['a', 'b'])
    shell.join(c, 5000, 9, byChannels)
    for (const peer of [a, b]) shell.sliceReady(peer)
    shell.advance(46_000)
    expect(shell.seats().map(seat => seat[0])).not.toEqual(['a', 'b'])
    expect(fresh(shell)).toContain(c)
    shell.joinRelay(r)
    expect(fresh(shell)).toEqual([a, b])
  })
})

describe('relays', () => {
  it('that let a pair down are left for others', () => {
    const shell = createSwarmShell()
    shell.joinRelay(r)
    shell.join(a, 5000, 1, byChannels)
    shell.join(b, 5000, 1, byDaemon('b'))
    shell.joinRelay(s)
    for (const peer of [a, b]) shell.sliceReady(peer)
    shell.advance(46_000)
    expect(shell.routesOf(a)[0]!.paths).toEqual([
      { kind: 'relay', via: s, key: null },
      { kind: 'relay', via: r, key: null },
    ])
  })

  it('that come in numbers do not displace those that were here', () => {
    const shell = createSwarmShell()
    shell.joinRelay(s)
    const crowd = Array.from({ length: 20 }, (_, index) => shellPeer(`0${index + 10}`))
    for (const relay of crowd) shell.joinRelay(relay)
    expect(shell.view().relays.map(({ peer }) => peer)).toEqual([s, ...crowd.slice(0, 7)])
  })

  it('that reach nobody do not lock out the one that does', () => {
    const shell = createSwarmShell()
    for (let index = 10; index < 20; index++) shell.joinRelay(shellPeer(`0${index}`), { webrtc: false, axl: null })
    joinAll(shell, [
      [a, byChannels],
      [b, byDaemon('b')],
    ])
    expect(shell.status()).toBe('waiting')
    shell.joinRelay(r)
    expect(shell.routesOf(a)).toEqual([{ peer: b, paths: [{ kind: 'relay', via: r, key: null }] }])
  })

  it('are eight at most, and neighbours with no other way have theirs', () => {
    const shell = createSwarmShell({ minSeats: 6 })
    // Spares for all who have channels, and before them in the line.
    for (let index = 10; index < 40; index++) shell.joinRelay(shellPeer(`0${index}`), byChannels)
    shell.joinRelay(r)
    joinAll(shell, [
      [a, byChannels],
      [b, byDaemon('b')],
      [c, byChannels],
      [d, byChannels],
      [shellPeer('8'), byChannels],
      [shellPeer('9'), byChannels],
    ])
    const { relays, seats } = shell.coalition()!
    expect(relays.length).toBeLessThanOrEqual(8)
    expect(relays.map(({ relay }) => relay)).toContain(r)
    for (const { peer } of seats) expect(shell.routesOf(peer)).toHaveLength(5)
    shell.serve()
    expect(shell.status()).toBe('ready')
  })

  it('are tried one after the other, none twice before all were', () => {
    const shell = createSwarmShell()
    const crowd = ['1', '2', '3', '4', '5', '6'].map(digit => shellPeer(`e${digit}`))
    for (const relay of crowd) shell.joinRelay(relay)
    joinAll(shell, [
      [a, byChannels],
      [b, byDaemon('b')],
    ])
    const tried: string[][] = []
    for (let turn = 0; turn < 3; turn++) {
      tried.push(shell.routesOf(a)[0]!.paths.flatMap(path => (path.kind === 'relay' ? path.via : [])))
      for (const peer of [a, b]) shell.sliceReady(peer)
      shell.advance(46_000)
    }
    expect(tried.flat().sort()).toEqual(crowd)
    for (const peer of [a, b]) shell.sliceReady(peer)
    shell.links(a)
    expect(shell.state().failedPaths).toEqual({})
  })

  it('hold no slice, whatever they say they can do', () => {
    const shell = createSwarmShell({ minSeats: 1 })
    shell.joinRelay(r)
    const measured = { engine: 'wasm', device: 'cpu', isSoftware: true, activationDtype: 'f32' } as const
    const capability = { ...measured, msPerLayer: 1, headMs: 1, memoryBudgetBytes: 5000 }
    shell.say(r, { type: 'capability-reported', model: 'demo', capability })
    // Also where it said so before it said what it is, or takes that back.
    shell.happen({ type: 'peer-connected', peer: r, atMs: 0 })
    shell.say(r, { type: 'capability-reported', model: 'demo', capability })
    const joined = { type: 'peer-joined', version: protocolVersion, agent: '', reach: both('e') } as const
    shell.say(r, { ...joined, role: 'relay' })
    shell.say(r, { ...joined, role: 'operator' })
    expect(shell.acts.map(({ type }) => type)).toEqual(['offer-model', 'offer-model'])
    expect(shell.view()).toMatchObject({
      explanation: 'No tab is here yet; 1 tab is needed.',
      waitingPeers: 0,
      relays: [{ peer: r, members: [] }],
    })
  })

  it('show what they passed on, of this coalition and its members only', () => {
    const shell = createSwarmShell()
    shell.joinRelay(r)
    joinAll(shell, [
      [a, byChannels],
      [b, byDaemon('b')],
    ])
    const figures = { forwardedBytes: 10, refusedBytes: 2 }
    const said = (epoch: number, peer: string) =>
      shell.say(r, { type: 'relay-reported', epoch, members: [{ peer, ...figures }] })
    said(shell.epoch() - 1, a)
    said(shell.epoch(), c)
    const silent = { forwardedBytes: null, refusedBytes: null }
    expect(shell.view().relays).toEqual([
      {
        peer: r,
        members: [
          { peer: a, ...silent },
          { peer: b, ...silent },
        ],
      },
    ])
    said(shell.epoch(), a)
    expect(shell.view().relays[0]!.members[0]).toEqual({ peer: a, ...figures })
  })

  it('break the ring when the only way is lost, and the next one takes over', () => {
    const shell = createSwarmShell()
    shell.joinRelay(r)
    joinAll(shell, [
      [a, byChannels],
      [b, byDaemon('b')],
    ])
    shell.serve()
    shell.gone(r)
    expect(shell.acts.at(-3)).toMatchObject({
      type: 'dissolve-coalition',
      relays: [r],
      error: { code: 'swarm_coalition_lost' },
    })
    expect(shell.view().explanation).toContain('no relay is open: run `computepool bridge`')
    shell.joinRelay(s)
    expect(shell.routesOf(a)).toEqual([{ peer: b, paths: [{ kind: 'relay', via: s, key: null }] }])
    shell.serve()
    // Whoever holds a slice keeps it, though a faster and nearer tab waits.
    shell.join(c, 5000, 0.1, byChannels)
    shell.joinRelay(r)
    shell.gone(s)
    expect(shell.seats()).toEqual(['a:0-3', 'b:3-6'])
    expect(shell.routesOf(a)).toEqual([{ peer: b, paths: [{ kind: 'relay', via: r, key: null }] }])
  })

  it('work for one ring: another that needs one too waits for the next, and takes it with it when it ends', () => {
    const { shell, relaysOf } = crowd([byDaemon('1'), byChannels, byChannels, byDaemon('1'), byDaemon('1')])
    expect(relaysOf()).toEqual([[r]])
    shell.joinRelay(s)
    expect(relaysOf()).toEqual([[r], [s]])
    expect(shell.view().relays).toMatchObject([{ peer: r, members: [{}, {}] }])
    shell.leave(shell.state().coalitions[1]!.seats[0]!.peer)
    expect(shell.acts.findLast(act => act.type === 'dissolve-coalition')).toMatchObject({ relays: [s] })
    expect(shell.state().coalitions[0]).toMatchObject({ status: 'ready', relays: [{ relay: r }] })
  })

  it('that one ring keeps as a spare go to the ring that needs them', () => {
    const { shell, relaysOf } = crowd([byChannels, byChannels, byDaemon('3'), byChannels, byDaemon('5')])
    expect(relaysOf()).toEqual([[], [r]])
    shell.leave(shell.state().coalitions[0]!.seats[0]!.peer)
    expect(shell.acts.findLast(act => act.type === 'dissolve-coalition')).toMatchObject({ relays: [] })
  })

  it('are spared where another way is left', () => {
    const shell = createSwarmShell()
    shell.joinRelay(r)
    shell.joinRelay(s)
    joinAll(shell, [
      [a, byChannels],
      [b, byDaemon('b')],
    ])
    shell.serve()
    const epoch = shell.epoch()
    shell.gone(r)
    expect(shell.acts.at(-1)).toEqual({ type: 'drop-relay', id: `c${epoch}`, epoch, relay: r, remaining: [a, b, s] })
    expect([shell.epoch(), shell.status()]).toEqual([epoch, 'ready'])
    shell.gone(s)
    expect(shell.status()).toBe('waiting')
  })

  it('come back as strangers', () => {
    const shell = createSwarmShell()
    shell.joinRelay(r)
    shell.joinRelay(s)
    joinAll(shell, [
      [a, byChannels],
      [b, byDaemon('b')],
    ])
    shell.serve()
    shell.joinRelay(s)
    expect(shell.acts.filter(act => act.type === 'drop-relay')).toHaveLength(1)
    expect(shell.view()).toMatchObject({
      status: 'ready',
      relays: [
        { peer: r, members: [{}, {}] },
        { peer: s, members: [] },
      ],
    })
  })
})
