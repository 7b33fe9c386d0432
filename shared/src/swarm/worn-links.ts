/**
 * Links that close and open again and again: each closing stops every answer of the ring, so a ring does without such a link soon, and
 * without the peer that has such links with several others. It writes state only.
 */
import { makeWait } from './bans.ts'
import { isLinkOpen, neededLinks } from './coalition-links.ts'
import { coalitionOf, withCoalition } from './coalitions.ts'
import { lose } from './lose-coalition.ts'
import { peerInWords } from './peer-words.ts'
import { planLinks, withFailed } from './swarm-links.ts'
import { type Coalition, pairKey, type SwarmState } from './swarm-state.ts'

/** Closings of one link in the window that break the ring. */
const mostClosings = 3
const closingsWindowMs = 60_000
/** So long a worn link counts against its ends, and against the way between them. */
const wornMs = 300_000
const mostWorn = 256
/** An end of worn links to so many others is their cause. */
const mostWornOthers = 2

/** After a report: the links of a ring at work that it closed, and what follows. `before` is the ring as it was. */
export function noteClosings(state: SwarmState, before: Coalition, atMs: number): SwarmState {
  const now = coalitionOf(state, before.epoch)
  if (now === null || !before.hasServed) return state
  const closed = neededLinks(before.seats)
    .filter(([a, b]) => isLinkOpen(before, a, b) && !isLinkOpen(now, a, b))
    .map(([a, b]) => pairKey(a, b))
  if (closed.length === 0) return state
  const recent = before.closings.filter(closing => atMs - closing.atMs < closingsWindowMs)
  // A ring of two names its one link twice.
  const closings = [...recent, ...[...new Set(closed)].map(pair => ({ pair, atMs }))]
  const noted = withCoalition(state, { ...now, closings })
  const worn = closed.find(pair => closings.filter(closing => closing.pair === pair).length >= mostClosings)
  return worn === undefined ? noted : breakRing(noted, now, worn, atMs)
}

/** True while nothing that its ends say makes the pair's link a good one again. */
export const isWorn = (state: SwarmState, pair: string): boolean =>
  state.worn.some(known => known.pair === pair && state.nowMs - known.atMs < wornMs)

/** The state in which these links of `coalition` were tried in vain, by the ways that the seats were told. */
export function withFailedLinks(
  state: SwarmState,
  coalition: Coalition,
  closed: ReadonlyArray<readonly [string, string]>,
): SwarmState {
  const failedPaths = { ...state.failedPaths }
  for (const [a, b] of closed) {
    const [first, second] = a < b ? [a, b] : [b, a]
    const pair = pairKey(a, b)
    // Those that the seats were told, as far as they are known.
    const told = coalition.routes[coalition.seats.findIndex(({ peer }) => peer === first)]
    const paths = told?.find(({ peer }) => peer === second)?.paths ?? planLinks(state).pathsBetween(first, second)
    failedPaths[pair] = withFailed(failedPaths[pair], paths)
  }
  return { ...state, failedPaths }
}

function breakRing(state: SwarmState, coalition: Coalition, pair: string, atMs: number): SwarmState {
  const [a, b] = pair.split('|') as [string, string]
  const others = state.worn.filter(known => known.pair !== pair && atMs - known.atMs < wornMs)
  const worn = [...others, { pair, atMs }].slice(-mostWorn)
  const countOf = (end: string): number => worn.filter(known => known.pair.split('|').includes(end)).length
  const failed = withFailedLinks({ ...state, worn }, coalition, [[a, b]])
  const blamed = [a, b].filter(end => countOf(end) >= mostWornOthers).reduce(makeWait, failed)
  const words = `the link between ${peerInWords(state, a)} and ${peerInWords(state, b)} closed again and again`
  return lose(blamed, coalition.epoch, words)
}
