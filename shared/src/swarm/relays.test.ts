import { describe, expect, it } from 'vitest'
import { byChannels, byDaemon, createSwarmShell, joinAll, shellPeer } from '../../testing/swarm-shell.ts'
import { protocolVersion, type Reach } from '../wire/index.ts'

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(shellPeer) as [string, string, string, string]
const [r, s] = [shellPeer('e'), shellPeer('f')]
const both = (digit: string): Reach => ({ webrtc: true, axl: digit.repeat(64) })

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
