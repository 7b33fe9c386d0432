import { describe, expect, it } from 'vitest'
import { byChannels, byDaemon, createSwarmShell, type SwarmShell, shellPeer } from '../../testing/swarm-shell.ts'

const [a, b, c] = ['a', 'b', 'c'].map(shellPeer) as [string, string, string]
const [r, s] = [shellPeer('e'), shellPeer('f')]

function serving(): SwarmShell {
  const shell = createSwarmShell()
  shell.join(a)
  shell.join(b)
  shell.serve()
  return shell
}
const drain = (shell: SwarmShell, peer: string): void => shell.say(peer, { type: 'peer-draining' })
const drained = (shell: SwarmShell): void => shell.happen({ type: 'ring-drained', epoch: shell.epoch() })

describe('a peer that wants to leave', () => {
  it('stays in its ring until nothing runs, and the ring takes nothing new', () => {
    const shell = serving()
    const before = shell.acts.length
    drain(shell, b)
    expect(shell.acts).toHaveLength(before)
    expect(shell.view()).toMatchObject({
      status: 'forming',
      explanation:
        'Draining: tab 0x0000…00000000 wants to leave. What runs is finished, then the model is placed anew without it.',
      seats: [{ status: 'ready' }, { status: 'draining' }],
    })
  })

  it('is replaced and released when nothing runs any more', () => {
    const shell = serving()
    shell.join(c, 5000, 2)
    drain(shell, b)
    drained(shell)
    const acts = shell.acts.slice(-3)
    expect(acts).toMatchObject([
      { type: 'dissolve-coalition', epoch: 7 },
      { type: 'release-slice', peer: b, epoch: 7 },
      { type: 'form-coalition', epoch: 8 },
    ])
    expect(shell.seats()).toEqual(['a:0-3', 'c:3-6'])
    // It is here still, and is told nothing twice.
    shell.say(b, { type: 'peer-draining' })
    shell.gone(c)
    expect(shell.status()).toBe('waiting')
    expect(shell.acts.filter(act => act.type === 'release-slice' && act.peer === b)).toHaveLength(1)
  })

  it('is released also where nobody replaces it, with all others', () => {
    const shell = serving()
    drain(shell, a)
    drained(shell)
    expect(shell.acts.slice(-3).map(act => [act.type, 'peer' in act && act.peer])).toEqual([
      ['dissolve-coalition', false],
      ['release-slice', a],
      ['release-slice', b],
    ])
    expect(shell.view()).toMatchObject({ status: 'waiting', explanation: '1 of 2 tabs is here; open one more.' })
  })

  it('is released at once where it holds nothing', () => {
    const shell = serving()
    shell.join(c)
    drain(shell, c)
    expect(shell.acts.at(-1)).toEqual({ type: 'release-slice', peer: c, epoch: 7 })
    expect([shell.status(), shell.view().waitingPeers]).toEqual(['ready', 0])
  })

  it('may come back', () => {
    const shell = serving()
    drain(shell, b)
    drained(shell)
    shell.gone(b)
    shell.join(b)
    expect(shell.seats()).toEqual(['a:0-3', 'b:3-6'])
  })

  it('is not cut by a word of another epoch, nor where nobody leaves', () => {
    const shell = serving()
    drained(shell)
    drain(shell, b)
    shell.happen({ type: 'ring-drained', epoch: 6 })
    expect([shell.epoch(), shell.seats()]).toEqual([7, ['a:0-3', 'b:3-6']])
  })

  it('drains the ring as a relay too, where it is the only way', () => {
    const shell = createSwarmShell()
    shell.joinRelay(r)
    shell.join(a, 5000, 1, byChannels)
    shell.join(b, 5000, 1, byDaemon('b'))
    shell.serve()
    drain(shell, r)
    expect(shell.view()).toMatchObject({ status: 'forming' })
    shell.joinRelay(s)
    drained(shell)
    expect(shell.routesOf(a)).toEqual([{ peer: b, paths: [{ kind: 'relay', via: s, key: null }] }])
    expect(shell.acts.some(act => act.type === 'release-slice' && act.peer === r)).toBe(true)
  })

  it('is waited for as a relay that carries a link now, though another way was named', () => {
    const shell = createSwarmShell()
    shell.joinRelay(r)
    shell.join(a, 5000, 1, byChannels)
    shell.join(b, 5000, 1, byChannels)
    shell.serve()
    // Their data channel is gone: the relay carries it.
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const link = { peer: to, kind: 'relay', isOpen: true, rttMs: 9, bytesPerSecond: null } as const
      shell.say(from, { type: 'links-reported', epoch: shell.epoch(), links: [link] })
    }
    drain(shell, r)
    expect(shell.acts.some(act => act.type === 'drop-relay' || act.type === 'release-slice')).toBe(false)
    expect(shell.view()).toMatchObject({
      status: 'forming',
      explanation: expect.stringMatching(/^Draining: relay 0x.* wants to leave/),
    })
    drained(shell)
    expect(shell.acts.at(-2)).toMatchObject({ type: 'release-slice', peer: r })
    expect(shell.routesOf(a)[0]!.paths).toEqual([{ kind: 'webrtc' }])
  })

  it('goes at once as a relay that can be spared', () => {
    const shell = createSwarmShell()
    shell.joinRelay(r)
    shell.joinRelay(s)
    shell.join(a, 5000, 1, byChannels)
    shell.join(b, 5000, 1, byDaemon('b'))
    shell.serve()
    drain(shell, s)
    expect(shell.acts.slice(-2)).toMatchObject([
      { type: 'drop-relay', relay: s, remaining: [a, b, r] },
      { type: 'release-slice', peer: s },
    ])
    expect(shell.status()).toBe('ready')
  })
})
