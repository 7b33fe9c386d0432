import { describe, expect, it } from 'vitest'
import { createSwarmShell, type SwarmShell, shellPeer } from '../../testing/swarm-shell.ts'

const [a, b, c, d, e, f] = ['a', 'b', 'c', 'd', 'e', 'f'].map(shellPeer) as [
  string,
  string,
  string,
  string,
  string,
  string,
]

/** Each joins, and does at once what it is told. */
function grow(shell: SwarmShell, peers: readonly string[], memoryBudgetBytes = 5000): void {
  for (const peer of peers) {
    shell.join(peer, memoryBudgetBytes)
    settle(shell)
  }
}
function settle(shell: SwarmShell): void {
  while (shell.state().coalitions.some(({ status }) => status === 'forming')) shell.serve()
  for (const { standbys } of shell.state().coalitions) for (const { peer } of standbys) shell.sliceReady(peer)
}

describe('several rings', () => {
  it('form where each that serves keeps a standby, out of standbys that hold the model together', () => {
    const shell = createSwarmShell()
    const rings = [a, b, c, d, e, f].map(peer => {
      grow(shell, [peer])
      return shell.rings()
    })
    expect(rings).toEqual([
      [],
      ['a:0-3 b:3-6'],
      ['a:0-3 b:3-6 + c:0-3'],
      ['a:0-3 b:3-6 + c:0-3 d:3-6'],
      // Of their layers nothing is loaded anew.
      ['a:0-3 b:3-6 + e:0-3', 'c:0-3 d:3-6'],
      ['a:0-3 b:3-6 + e:0-3', 'c:0-3 d:3-6 + f:0-3'],
    ])
    expect(shell.view()).toMatchObject({ status: 'ready', waitingPeers: 2, seats: [{ peer: a }, { peer: b }] })
  })

  it('are no more than the pool may have', () => {
    const shell = createSwarmShell({ minSeats: 1, maxRings: 2 })
    grow(shell, [a, b, c, d, e, f])
    expect(shell.rings()).toEqual(['a:0-6 + c:0-6 e:0-6', 'b:0-6 + d:0-6 f:0-6'])
  })

  it('are lost one by one, and mended by whoever holds the layers, wherever it stood by', () => {
    const shell = createSwarmShell()
    grow(shell, [a, b, c, d, e])
    const [first, second] = shell.state().coalitions
    shell.gone(c)
    // Its standby stood by for the other ring, which goes on without one.
    expect(shell.rings()).toEqual(['a:0-3 b:3-6', 'e:0-3 d:3-6'])
    expect(shell.state().coalitions[0]!.epoch).toBe(first!.epoch)
    expect(shell.acts.filter(({ type }) => type === 'dissolve-coalition')).toMatchObject([{ epoch: second!.epoch }])
    settle(shell)
    expect(shell.view().rings!.map(({ status }) => status)).toEqual(['ready', 'ready'])
  })

  it('that lost a seat and find nobody stand by for the others', () => {
    const shell = createSwarmShell()
    grow(shell, [a, b, c, d, e])
    shell.leave(e)
    shell.leave(c)
    // It is told to load what it holds, and will say that it is ready.
    expect(shell.rings()).toEqual(['a:0-3 b:3-6 + d:3-6?'])
    expect(shell.acts.filter(act => act.type === 'release-slice')).toEqual([])
    expect(shell.status()).toBe('ready')
  })

  it('hear only their own seats', () => {
    const shell = createSwarmShell()
    grow(shell, [a, b, c, d, e])
    const [first, second] = shell.state().coalitions
    const links = [{ peer: d, kind: 'webrtc', isOpen: false, rttMs: 3, bytesPerSecond: null }] as const
    shell.say(a, { type: 'links-reported', epoch: second!.epoch, links: [...links] })
    shell.say(c, { type: 'links-reported', epoch: first!.epoch, links: [...links] })
    expect(shell.view().rings!.map(({ status }) => status)).toEqual(['ready', 'ready'])
  })

  it('do not form while one of them forms or drains', () => {
    const shell = createSwarmShell({ minSeats: 1 })
    grow(shell, [a])
    shell.say(a, { type: 'peer-draining' })
    grow(shell, [b, c, d])
    expect(shell.rings()).toHaveLength(1)
    shell.happen({ type: 'ring-drained', epoch: shell.epoch() })
    expect(shell.rings()).toHaveLength(1)
    settle(shell)
    expect(shell.rings()).toEqual(['b:0-6 + d:0-6', 'c:0-6'])
  })

  it('are not tried for ever beside one that serves, where their peers cannot link, and stand by for it again', () => {
    const shell = createSwarmShell()
    grow(shell, [a, b])
    for (const peer of [c, d, e]) shell.join(peer)
    expect(shell.rings()).toHaveLength(2)
    for (let tries = 0; tries < 6; tries++) {
      for (const { seats, standbys } of shell.state().coalitions) {
        for (const { peer } of [...seats, ...standbys]) shell.sliceReady(peer)
      }
      shell.advance(46_000)
    }
    // Each pair of the three once.
    expect(shell.acts.filter(({ type }) => type === 'form-coalition').length).toBeLessThanOrEqual(4)
    expect(shell.rings()).toHaveLength(1)
    expect(shell.coalition()!.standbys).toHaveLength(3)
    // A relay is a way that was not tried.
    shell.joinRelay(f)
    expect(shell.rings()).toHaveLength(2)
  })

  it('are tried again after some minutes, for what kept their peers apart may have passed', () => {
    const shell = createSwarmShell()
    grow(shell, [a, b, c, d, e])
    expect(shell.rings()).toHaveLength(2)
    shell.links(c, false)
    shell.advance(4000)
    settle(shell)
    const formed = () => shell.acts.filter(({ type }) => type === 'form-coalition').length
    const before = formed()
    shell.leave(e)
    settle(shell)
    expect(shell.rings()).toHaveLength(1)
    shell.advance(250_000)
    expect(formed()).toBe(before)
    shell.advance(50_000)
    settle(shell)
    expect(shell.view().rings!.map(({ status }) => status)).toEqual(['ready', 'ready'])
  })

  it('are planned anew while another one loads, and formed at once', () => {
    const shell = createSwarmShell({ hopMs: 1, usualRttMs: { loopback: 0, webrtc: 1, axl: 1, relay: 1 } })
    grow(shell, [a, b])
    for (const peer of [c, d]) shell.join(peer)
    shell.join(e, 5000, 20)
    expect(shell.rings()).toEqual(['a:0-3 b:3-6 + e:0-3?', 'c:0-3 d:3-6'])
    shell.sliceReady(e)
    shell.advance(60_000)
    const stats = { requests: 1, stepMs: null, weightsBytes: 1, kvBytes: 1, tokensServed: 0, isHidden: true }
    shell.say(b, { type: 'stats-reported', ...stats })
    shell.advance(5000)
    shell.happen({ type: 'ring-drained', epoch: shell.epoch() })
    expect(shell.rings()).toEqual(['c:0-3 d:3-6', 'a:0-5 b:5-6'])
  })
})
