import { describe, expect, it } from 'vitest'
import {
  byChannels,
  byDaemon,
  createSwarmShell,
  joinAll,
  type SwarmShell,
  shellPeer,
} from '../../testing/swarm-shell.ts'
import { linkRouteSchema, type Reach } from '../wire/index.ts'
import { placeSwarm } from './place-swarm.ts'
import type { SwarmState } from './swarm-state.ts'

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(shellPeer) as [string, string, string, string]
const [r, s] = [shellPeer('e'), shellPeer('f')]
const both = (digit: string): Reach => ({ webrtc: true, axl: digit.repeat(64) })

/** Who would be seated if nothing stood yet, with these links measured. */
function fresh(shell: SwarmShell, measures: SwarmState['measures'] = {}): string[] {
  const placement = placeSwarm({ ...shell.state(), coalitions: [], previous: [], measures })
  return placement.kind === 'placed' ? placement.seats.map(seat => seat.peer) : []
}
const formed = (shell: SwarmShell) => shell.acts.filter(act => act.type === 'form-coalition')

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
