import { describe, expect, it } from 'vitest'
import { byDaemon, type SwarmShell, servingPair, shellPeer } from '../../testing/swarm-shell.ts'
import { meetDeadlines } from './meet-deadlines.ts'
import type { SwarmAct } from './swarm-events.ts'

const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(shellPeer) as [string, string, string, string, string]
type Renewed = Extract<SwarmAct, { type: 'renew-standbys' }>

const lastRenewal = (shell: SwarmShell): Renewed => shell.acts.findLast(act => act.type === 'renew-standbys') as Renewed
const lastForm = (shell: SwarmShell) => shell.acts.findLast(act => act.type === 'form-coalition')!

describe('a peer that waits beside a ready ring', () => {
  it('loads the slowest seat’s layers, linked to every seat, with the budget that the seat would have', () => {
    const shell = servingPair()
    shell.join(c)
    expect(shell.rings()).toEqual(['a:0-3 b:3-6 + c:3-6?'])
    const act = lastRenewal(shell)
    expect(act).toMatchObject({ id: 'c7', epoch: 7, members: [a, b, c], maxContext: 64 })
    const straight = [{ kind: 'webrtc' }]
    expect(act.joined).toEqual([
      {
        peer: c,
        seat: 1,
        layers: { start: 3, end: 6 },
        routes: [
          { peer: a, paths: straight },
          { peer: b, paths: straight },
        ],
      },
    ])
    expect(act.routes).toEqual([
      [
        { peer: b, paths: straight },
        { peer: c, paths: straight },
      ],
      [
        { peer: a, paths: straight },
        { peer: c, paths: straight },
      ],
    ])
    shell.sliceReady(c)
    shell.gone(b)
    const form = lastForm(shell)
    const index = form.seats.findIndex(seat => seat.peer === c)
    expect(form.kvBudgetBytes[index]).toBe(act.kvBudgetBytes[0])
  })

  it('covers the seats evenly, and fits what it takes', () => {
    const shell = servingPair({ maxRings: 1 })
    for (const peer of [c, d, e]) shell.join(peer)
    expect(shell.rings()).toEqual(['a:0-3 b:3-6 + c:3-6? d:0-3? e:3-6?'])
    const small = servingPair()
    // The first seat needs 50 for the embedding beside its layers, the last 50 for the head: neither fits.
    small.join(c, 375)
    expect(small.rings()).toEqual(['a:0-3 b:3-6'])
  })

  it('has to reach both neighbours of its seat', () => {
    const shell = servingPair()
    shell.join(c, 5000, 1, byDaemon('c'))
    expect(shell.rings()).toEqual(['a:0-3 b:3-6'])
  })

  it('is heard while it loads, and takes the seat that falls vacant before a faster one that holds nothing', () => {
    const shell = servingPair({ maxRings: 1 })
    shell.join(c, 5000, 3)
    shell.sliceReady(c)
    expect(shell.rings()).toEqual(['a:0-3 b:3-6 + c:3-6'])
    shell.join(d, 5000, 0.1)
    shell.join(e, 5000, 0.1)
    shell.gone(b)
    expect(shell.seats()).toEqual(['a:0-3', 'c:3-6'])
    expect(shell.acts.filter(({ type }) => type === 'release-slice')).toEqual([])
  })

  it('is told to stand by again by the ring that follows, and asked for nothing twice', () => {
    const shell = servingPair()
    shell.join(c)
    shell.join(d)
    for (const peer of [c, d]) shell.sliceReady(peer)
    shell.gone(b)
    expect(shell.rings()).toEqual(['a:0-3 c:3-6'])
    shell.serve()
    expect(shell.rings()).toEqual(['a:0-3 c:3-6 + d:0-3?'])
    shell.sliceReady(d)
    const before = shell.acts.length
    for (const peer of [a, c, d]) {
      const stats = { requests: 0, stepMs: 3, weightsBytes: 1, kvBytes: 1, tokensServed: 0, isHidden: false }
      shell.say(peer, { type: 'stats-reported', ...stats })
    }
    expect(shell.acts).toHaveLength(before)
  })

  it('goes without the ring’s noticing more than its routes', () => {
    const shell = servingPair()
    shell.join(c)
    shell.gone(c)
    expect(shell.rings()).toEqual(['a:0-3 b:3-6'])
    expect(lastRenewal(shell)).toMatchObject({ standbys: [], joined: [], members: [a, b] })
    expect(shell.status()).toBe('ready')
  })

  it('that refuses its layers, or loads them no further, is left out, and the ring serves on', () => {
    const shell = servingPair()
    shell.join(c)
    const error = { code: 'engine_self_test_failed', message: 'Layer 4 is off.', remedy: '', context: {} }
    shell.say(c, { type: 'slice-refused', epoch: shell.epoch(), error })
    expect([shell.rings(), shell.status()]).toEqual([['a:0-3 b:3-6'], 'ready'])
    expect(shell.acts.slice(-2)).toMatchObject([
      { type: 'renew-standbys', standbys: [] },
      { type: 'release-slice', peer: c },
    ])
    shell.join(d)
    shell.advance(121_000)
    expect([shell.rings(), shell.status()]).toEqual([['a:0-3 b:3-6'], 'ready'])
    expect(shell.view().explanation).toContain('got no further for 120 s')
  })

  it('is released where it wants to go', () => {
    const shell = servingPair()
    shell.join(c)
    shell.say(c, { type: 'peer-draining' })
    expect(shell.acts.at(-1)).toMatchObject({ type: 'release-slice', peer: c })
    expect(shell.rings()).toEqual(['a:0-3 b:3-6'])
  })

  it('covers a seat that wants to go before a slower one', () => {
    const shell = servingPair()
    shell.say(a, { type: 'peer-draining' })
    shell.join(c)
    expect(shell.rings()).toEqual(['a:0-3 b:3-6 + c:0-3?'])
  })

  it('replaces one that fell silent at work, not the neighbour that tells of it', () => {
    for (const silent of [a, b]) {
      const shell = servingPair()
      shell.join(c)
      shell.join(d)
      for (const peer of [c, d]) shell.sliceReady(peer)
      shell.advance(1000)
      const speaking = silent === a ? b : a
      shell.links(speaking, false)
      shell.advance(1000)
      shell.links(speaking, false)
      shell.advance(3000)
      expect(shell.seats()).toEqual(silent === a ? ['d:0-3', 'b:3-6'] : ['a:0-3', 'c:3-6'])
      shell.serve()
      // It stands by again when it is heard of.
      expect(shell.rings()[0]).not.toContain(`${silent[41]}:`)
      shell.links(speaking)
      shell.say(silent, { type: 'links-reported', epoch: 7, links: [] })
      expect(shell.rings()[0]).toContain(`${silent[41]}:`)
    }
  })

  it('blames nobody where nobody is heard', () => {
    const shell = servingPair()
    shell.join(c)
    shell.sliceReady(c)
    shell.advance(1000)
    shell.links(a, false)
    const state = shell.state()
    const peers = Object.fromEntries(Object.entries(state.peers).map(([id, peer]) => [id, { ...peer, heardAtMs: 0 }]))
    const late = meetDeadlines({ ...state, peers }, state.nowMs + 4000)
    expect(late.coalitions[0]!.lostBy?.message).toContain('lost their link')
    expect(Object.values(late.peers).some(({ isSilent }) => isSilent)).toBe(false)
  })

  it('replaces one of two neighbours that lost their link', () => {
    const shell = servingPair()
    shell.join(c)
    shell.sliceReady(c)
    shell.links(b, false)
    expect(shell.status()).toBe('forming')
    shell.advance(4000)
    expect(shell.seats()).toEqual(['a:0-3', 'c:3-6'])
  })

  it('replaces one of two neighbours whose link closes three times in a minute, however soon it is back', () => {
    const shell = servingPair()
    const flap = (peer: string, ms: number): void => {
      shell.links(peer, false)
      shell.advance(1000)
      shell.links(peer)
      shell.advance(ms)
    }
    shell.join(c)
    shell.sliceReady(c)
    // The first was too long ago to count.
    for (const ms of [60_000, 1000, 1000]) flap(b, ms)
    expect([shell.seats(), shell.status()]).toEqual(['a:0-3 b:3-6'.split(' '), 'ready'])
    shell.links(b, false)
    expect(shell.seats()).toEqual(['a:0-3', 'c:3-6'])
    expect(shell.state().waits).toEqual({})
  })

  it('makes the one that has such links with several others wait', () => {
    const shell = servingPair()
    const wear = (peer: string): void => {
      for (let turn = 0; turn < 3; turn++) {
        shell.links(peer, false)
        if (turn < 2) shell.links(peer)
      }
    }
    for (const peer of [c, d]) shell.join(peer)
    shell.sliceReady(c)
    wear(b)
    shell.serve()
    expect([shell.seats(), shell.state().waits]).toEqual([['a:0-3', 'c:3-6'], {}])
    for (const peer of [b, d]) shell.sliceReady(peer)
    shell.leave(a)
    shell.serve()
    expect(shell.seats()).toEqual(['b:0-3', 'c:3-6'])
    wear(b)
    expect(Object.keys(shell.state().waits)).toEqual([b.slice(0, 42)])
    expect(shell.seats()).not.toContainEqual(expect.stringContaining('b:'))
  })

  it('is not taken to hold what it was given for what it still says of other layers', () => {
    const shell = servingPair()
    shell.join(c)
    expect(shell.rings()).toEqual(['a:0-3 b:3-6 + c:3-6?'])
    const ready = { type: 'slice-ready', epoch: shell.epoch(), kvBudgetBytes: 400, maxContext: 64 } as const
    shell.say(c, { ...ready, layers: { start: 0, end: 3 } })
    expect(shell.rings()).toEqual(['a:0-3 b:3-6 + c:3-6?'])
    shell.say(c, { ...ready, layers: { start: 3, end: 6 } })
    expect(shell.rings()).toEqual(['a:0-3 b:3-6 + c:3-6'])
  })
})
