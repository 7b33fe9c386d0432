import { describe, expect, it } from 'vitest'
import { byChannels, byDaemon, shellPeer } from '../../testing/swarm-shell.ts'
import type { LinkKind } from '../ports/index.ts'
import type { Reach } from '../wire/index.ts'
import { expectHop, type LinkMeasure, planPaths, preferredKind, type ReachablePeer } from './plan-routes.ts'

const peer = (name: string, reach: Reach): ReachablePeer => ({ peer: shellPeer(name), reach })
const usual = { loopback: 0, webrtc: 20, axl: 60, relay: 80 }
const choice = (relays: readonly ReachablePeer[], measures: Partial<Record<LinkKind, LinkMeasure>> = {}) => ({
  relays,
  expect: (kind: LinkKind) => expectHop(measures[kind], usual[kind], 2000),
})
const tab = peer('a', byChannels)
const node = peer('b', byDaemon('b'))
const both = (digit: string): Reach => ({ webrtc: true, axl: digit.repeat(64) })
const relay = (name: string): ReachablePeer => peer(name, { webrtc: true, axl: name.repeat(64) })
const measure = (rttMs: number, bytesPerSecond: number | null = null): LinkMeasure => ({ rttMs, bytesPerSecond })

describe('planPaths', () => {
  it('goes straight where both can', () => {
    expect(planPaths(tab, peer('c', byChannels), choice([]))).toEqual([{ kind: 'webrtc' }])
    expect(planPaths(node, peer('c', byDaemon('c')), choice([]))).toEqual([{ kind: 'axl', key: 'c'.repeat(64) }])
  })

  it('has no path between two that share nothing', () => {
    expect(planPaths(tab, node, choice([]))).toEqual([])
    expect(planPaths(tab, node, choice([peer('e', byDaemon('e')), peer('f', byChannels)]))).toEqual([])
  })

  it('goes through a relay that reaches both, and says to each side how it is reached', () => {
    const open = choice([relay('e')])
    expect(planPaths(tab, node, open)).toEqual([{ kind: 'relay', via: shellPeer('e'), key: null }])
    expect(planPaths(node, tab, open)).toEqual([{ kind: 'relay', via: shellPeer('e'), key: 'e'.repeat(64) }])
  })

  it('names a relay beside AXL only where both ends reach it the same way', () => {
    const kindsOf = (from: ReachablePeer, to: ReachablePeer, via: ReachablePeer): string[] =>
      planPaths(from, to, choice([via])).map(({ kind }) => kind)
    const mixed = peer('a', both('a'))
    // One would send it over a data channel, and await it from AXL.
    expect(kindsOf(mixed, node, relay('e'))).toEqual(['axl'])
    expect(kindsOf(node, mixed, relay('e'))).toEqual(['axl'])
    expect(kindsOf(mixed, node, peer('e', byDaemon('e')))).toEqual(['axl', 'relay'])
    expect(kindsOf(node, mixed, peer('e', byDaemon('e')))).toEqual(['axl', 'relay'])
    expect(preferredKind(mixed, node, choice([relay('e')], { axl: measure(900) }))).toBe('axl')
  })

  it('does not take one daemon for two ends', () => {
    expect(planPaths(node, peer('c', byDaemon('b')), choice([]))).toEqual([])
    // A relay behind the node's own daemon would take the node's messages, and the node the relay's.
    expect(planPaths(tab, node, choice([peer('e', { webrtc: true, axl: 'b'.repeat(64) })]))).toEqual([])
  })

  it('tries relays last that were tried in vain', () => {
    const relays = ['c', 'd', 'e'].map(relay)
    const viaOf = (failed?: ReadonlySet<string>): unknown[] =>
      planPaths(tab, node, { ...choice(relays), ...(failed === undefined ? {} : { failed }) }).map(
        path => path.kind === 'relay' && path.via,
      )
    const [first, second] = viaOf()
    const third = relays.map(open => open.peer).find(id => id !== first && id !== second)
    expect(viaOf(new Set([first as string]))).toEqual([second, third])
    expect(viaOf(new Set([first, second] as string[]))).toEqual([third, first])
  })

  it('puts the ways in order: WebRTC, AXL, one relay as a spare', () => {
    const kinds = (measures: Partial<Record<LinkKind, LinkMeasure>>): string[] =>
      planPaths(peer('a', both('a')), peer('b', both('b')), choice([relay('e'), relay('f')], measures)).map(
        ({ kind }) => kind,
      )
    expect(kinds({})).toEqual(['webrtc', 'axl', 'relay'])
    // A guess does not beat the direct way, however slow that was.
    expect(kinds({ webrtc: measure(500) })).toEqual(['webrtc', 'axl', 'relay'])
    expect(kinds({ webrtc: measure(50), axl: measure(10) })).toEqual(['axl', 'webrtc', 'relay'])
    expect(kinds({ webrtc: measure(50), axl: measure(48) })).toEqual(['webrtc', 'axl', 'relay'])
    expect(kinds({ axl: measure(100), relay: measure(30) })).toEqual(['webrtc', 'relay', 'axl'])
    // Equal round trips: 2,000 bytes at 100 kB/s are 20 ms.
    expect(kinds({ webrtc: measure(20, 1e5), axl: measure(20, 1e8) })).toEqual(['axl', 'webrtc', 'relay'])
  })

  it('spreads pairs over relays, both directions alike, and moves only the pairs of a relay that is gone', () => {
    const relays = ['c', 'd', 'e', 'f'].map(relay)
    const viaOf = (from: ReachablePeer, to: ReachablePeer, open: readonly ReachablePeer[]): string[] =>
      planPaths(from, to, choice(open)).map(path => (path.kind === 'relay' ? path.via : path.kind))
    const counts = new Map<string, number>()
    for (let index = 0; index < 400; index++) {
      const other = peer(`b${index}`, byDaemon('b'))
      const [first, second] = viaOf(tab, other, relays)
      expect(viaOf(other, tab, [...relays].reverse())).toEqual([first, second])
      counts.set(first!, (counts.get(first!) ?? 0) + 1)
      const [fallback] = viaOf(
        tab,
        other,
        relays.filter(open => open.peer !== first),
      )
      expect(fallback).toBe(second)
      const untouched = relays.filter(open => open.peer !== second)
      expect(viaOf(tab, other, untouched)[0]).toBe(first)
    }
    expect([...counts.keys()].sort()).toEqual(relays.map(open => open.peer).sort())
    for (const count of counts.values()) expect(count).toBeGreaterThan(50)
  })
})
