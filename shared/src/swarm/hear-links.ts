/** What seats say of their links, and what follows: measures kept, a coalition ready, a deadline missed. It writes state only. */

import { tilesModel } from '../model/index.ts'
import type { LinkKind } from '../ports/index.ts'
import { isLinkOpen, neededLinks } from './coalition-links.ts'
import { partOf, withCoalition } from './coalitions.ts'
import { lose } from './lose-coalition.ts'
import { peerInWords } from './peer-words.ts'
import type { LinkMeasure } from './plan-routes.ts'
import { type Coalition, type LinkReport, pairKey, type SwarmState } from './swarm-state.ts'
import { isWorn, withFailedLinks } from './worn-links.ts'

/** Pairs of peers that were measured; the oldest are forgotten. */
const mostPairs = 4096

/** Keeps what `from`, a seat or a standby, reported of its links to others of the coalition: a report is whole, what it leaves out is not there. */
export function linksHeard(
  state: SwarmState,
  coalition: Coalition,
  from: string,
  links: ReadonlyArray<LinkReport & { peer: string }>,
): SwarmState {
  const reports: Record<string, LinkReport> = {}
  let next = state
  for (const { peer, kind, isOpen, rttMs, bytesPerSecond } of links) {
    if (peer === from || partOf(coalition, peer) === null) continue
    reports[peer] = { kind, isOpen, rttMs, bytesPerSecond }
    if (rttMs !== null && isOpen) next = measured(next, pairKey(from, peer), kind, { rttMs, bytesPerSecond })
  }
  return withCoalition(next, { ...coalition, reports: { ...coalition.reports, [from]: reports } })
}

function measured(state: SwarmState, pair: string, kind: LinkKind, { rttMs, bytesPerSecond }: LinkMeasure): SwarmState {
  const known = state.measures[pair]
  // A link that was made anew has no rate yet: the last one measured is the better guess.
  const measure = { rttMs, bytesPerSecond: bytesPerSecond ?? known?.[kind]?.bytesPerSecond ?? null }
  return {
    ...withoutFailure(state, pair),
    measures: capped({ ...state.measures, [pair]: { ...known, [kind]: measure } }),
  }
}

function withoutFailure(state: SwarmState, pair: string): SwarmState {
  if (state.failedPaths[pair] === undefined || isWorn(state, pair)) return state
  const { [pair]: _failed, ...failedPaths } = state.failedPaths
  return { ...state, failedPaths }
}

function capped<T>(record: Record<string, T>): Record<string, T> {
  const entries = Object.entries(record)
  return entries.length <= mostPairs ? record : Object.fromEntries(entries.slice(-mostPairs))
}

/** Ready where the slices tile the model, every seat said so, and every needed link was reported open by both ends. */
export function judge(state: SwarmState, coalition: Coalition, atMs: number): SwarmState {
  const tiles = tilesModel(
    coalition.seats.map(seat => seat.layers),
    state.config.placement.layers,
  )
  const isLoaded = coalition.seats.every(seat => state.peers[seat.peer]?.phase === 'ready')
  const isLinked = neededLinks(coalition.seats).every(([a, b]) => isLinkOpen(coalition, a, b))
  const status = tiles && isLoaded && isLinked ? 'ready' : 'forming'
  // It starts anew when an open link closes.
  const sinceMs = status === coalition.status ? coalition.sinceMs : atMs
  const hasServed = coalition.hasServed || status === 'ready'
  return withCoalition(state, { ...coalition, status, sinceMs, hasServed })
}

/** All slices are loaded: loses the coalition where a needed link did not open in time, or does not open again. */
export function meetLinkDeadline(state: SwarmState, coalition: Coalition, atMs: number): SwarmState {
  const { linkStallMs, linkReturnMs } = state.config
  if (atMs - coalition.sinceMs <= (coalition.hasServed ? linkReturnMs : linkStallMs)) return state
  const closed = neededLinks(coalition.seats).filter(([a, b]) => !isLinkOpen(coalition, a, b))
  if (closed.length === 0) return state
  const failed = withFailedLinks(state, coalition, closed)
  const next = { ...failed, failedPaths: capped(failed.failedPaths) }
  const silent = silentEnds(state, coalition, closed)
  if (silent.length > 0) {
    const peers = { ...state.peers }
    for (const peer of silent) peers[peer] = { ...peers[peer]!, isSilent: true }
    return lose({ ...next, peers }, coalition.epoch, `${peerInWords(state, silent[0]!)} fell silent`)
  }
  const [a, b] = closed[0]!
  const what = coalition.hasServed ? 'lost their link' : 'could not reach each other'
  return lose(next, coalition.epoch, `${peerInWords(state, a)} and ${peerInWords(state, b)} ${what}`)
}

/** Of the ends of links that closed under a ring at work, those that have said nothing since: seats speak every second. */
function silentEnds(
  state: SwarmState,
  { seats, hasServed, sinceMs }: Coalition,
  closed: ReadonlyArray<readonly [string, string]>,
): string[] {
  const isSilent = (peer: string): boolean => (state.peers[peer]?.heardAtMs ?? sinceMs) < sinceMs
  // Where nobody is heard it is not they who fell silent.
  if (!hasServed || seats.every(({ peer }) => isSilent(peer))) return []
  return [...new Set(closed.flat())].filter(isSilent)
}
