import { describe, expect, it } from 'vitest'
import { byChannels, createSwarmShell, type SwarmShell, servingPair, shellPeer } from '../../testing/swarm-shell.ts'
import { protocolVersion } from '../wire/index.ts'
import { isTimeAwaited } from './awaits-time.ts'
import { isSeatAwaited } from './returning.ts'

const [a, b, c] = ['a', 'b', 'c'].map(shellPeer) as [string, string, string]
const [front, back] = [
  { start: 0, end: 3 },
  { start: 3, end: 6 },
]
const rejoin = (shell: SwarmShell, peer: string, layers: { start: number; end: number } | null): void =>
  shell.join(peer, 5000, 1, byChannels, layers)
const releases = (shell: SwarmShell) => shell.acts.filter(({ type }) => type === 'release-slice')

describe('a seat that vanishes', () => {
  it('is waited for, with all others keeping what they hold, and gets its layers back', () => {
    const shell = servingPair()
    shell.gone(b)
    shell.advance(4000)
    expect([isSeatAwaited(shell.state()), isTimeAwaited(shell.state()), releases(shell)]).toEqual([true, true, []])
    expect(shell.view().explanation).toMatch(/^Tab 0x.* lost its connection, and has a few seconds to come back\.$/)
    rejoin(shell, b, back)
    expect(shell.seats()).toEqual(['a:0-3', 'b:3-6'])
  })

  it('is given up after the grace, and at once where it left on purpose', () => {
    const shell = servingPair()
    shell.gone(b)
    shell.advance(5000)
    expect([isSeatAwaited(shell.state()), isTimeAwaited(shell.state())]).toEqual([false, false])
    expect(releases(shell)).toMatchObject([{ peer: a }])
    const left = servingPair()
    left.leave(b)
    expect([isSeatAwaited(left.state()), releases(left)]).toMatchObject([false, [{ peer: a }]])
  })

  it('has half the grace before those that stay are moved', () => {
    const split = createSwarmShell()
    split.join(a, 5000)
    split.join(b, 5000)
    split.serve()
    split.gone(b)
    // It cannot hold half of the model: the others would have to hold more.
    split.join(c, 300)
    expect(split.seats()).toEqual([])
    split.advance(2000)
    expect(split.seats()).toEqual([])
    split.advance(1000)
    expect(split.seats()).toEqual(['a:0-4', 'c:4-6'])
    const left = servingPair()
    left.leave(b)
    left.join(c, 300)
    expect(left.seats()).toEqual(['a:0-4', 'c:4-6'])
  })

  it('gets its seat back from one that has not loaded', () => {
    const shell = servingPair()
    shell.join(c)
    shell.gone(b)
    expect(shell.seats()).toEqual(['a:0-3', 'c:3-6'])
    rejoin(shell, b, back)
    expect(shell.seats()).toEqual(['a:0-3', 'b:3-6'])
    shell.serve()
    expect(shell.rings()).toEqual(['a:0-3 b:3-6 + c:3-6?'])
  })

  it('gets it back once: who goes again before the ring serves keeps it from forming no longer', () => {
    const shell = servingPair()
    shell.join(c)
    shell.gone(b)
    rejoin(shell, b, back)
    shell.gone(b)
    expect(Object.keys(shell.state().bans)).toEqual([b])
    rejoin(shell, b, back)
    expect(shell.seats()).toEqual(['a:0-3', 'c:3-6'])
    shell.serve()
    expect(shell.status()).toBe('ready')
  })

  it('stands by where its seat is taken by one that has loaded', () => {
    const shell = servingPair()
    shell.join(c)
    shell.sliceReady(c)
    shell.gone(b)
    shell.serve()
    rejoin(shell, b, back)
    expect(shell.rings()).toEqual(['a:0-3 c:3-6 + b:3-6?'])
  })

  it('does not take a seat from others for what it only says', () => {
    const shell = servingPair()
    shell.leave(b)
    shell.join(c)
    rejoin(shell, b, back)
    expect(shell.seats()).toEqual(['a:0-3', 'c:3-6'])
  })
})

describe('peers that come to an orchestrator that knows nothing', () => {
  it('keep what they hold, in whatever order they come, and though others come between', () => {
    for (const order of [
      [a, c, b],
      [b, c, a],
      [c, b, a],
    ]) {
      const shell = createSwarmShell()
      const layers: Record<string, typeof front | null> = { [a]: back, [b]: front, [c]: null }
      for (const peer of order) rejoin(shell, peer, layers[peer]!)
      expect(shell.seats()).toEqual(order[0] === c ? expect.anything() : ['b:0-3', 'a:3-6'])
    }
  })

  it('of a ring that fell apart one by one keep what they hold, whatever was tried meanwhile', () => {
    const shell = createSwarmShell()
    for (const peer of [a, b]) shell.join(peer)
    shell.serve()
    shell.join(c, 300)
    for (const peer of [b, a, c]) shell.gone(peer)
    expect(shell.state().coalitions).toEqual([])
    shell.advance(4000)
    for (const [peer, layers] of [
      [c, null],
      [b, back],
      [a, front],
    ] as const) {
      shell.join(peer, peer === c ? 300 : 5000, 1, byChannels, layers)
    }
    expect(shell.seats()).toEqual(['a:0-3', 'b:3-6'])
  })

  it('are placed afresh when the others stay away', () => {
    const shell = createSwarmShell()
    rejoin(shell, a, back)
    rejoin(shell, c, null)
    expect([shell.status(), isTimeAwaited(shell.state())]).toEqual(['waiting', true])
    shell.advance(5000)
    expect(shell.status()).toBe('forming')
  })

  it('keep what they hold where one of them does not come, and another fills its place', () => {
    const shell = createSwarmShell({ minSeats: 3 })
    rejoin(shell, c, null)
    shell.join(a, 5000, 1.2, byChannels, { start: 0, end: 2 })
    shell.join(b, 5000, 0.9, byChannels, { start: 5, end: 6 })
    expect(shell.seats()).toEqual([])
    shell.advance(5000)
    expect(shell.seats()).toEqual(['a:0-2', 'c:2-5', 'b:5-6'])
  })

  it('wait for nobody for ever: the wait begins once', () => {
    const shell = createSwarmShell()
    rejoin(shell, a, back)
    shell.advance(4000)
    rejoin(shell, c, back)
    shell.advance(1000)
    expect(shell.status()).toBe('forming')
  })

  it('hold nothing of other models, and nothing that the model has not', () => {
    const shell = createSwarmShell()
    shell.happen({ type: 'peer-connected', peer: a, atMs: 0 })
    const joined = {
      type: 'peer-joined',
      version: protocolVersion,
      agent: '',
      role: 'operator',
      reach: byChannels,
    } as const
    shell.say(a, { ...joined, holding: { model: 'other', layers: front } })
    rejoin(shell, b, { start: 3, end: 7 })
    expect([shell.state().peers[a]!.held, shell.state().peers[b]!.held, isTimeAwaited(shell.state())]).toEqual([
      null,
      null,
      false,
    ])
  })
})
