/**
 * What each wallet's standing weighs in placement, as whoever keeps it has told, and who has quarrelled with whom. Bans go by wallet, for
 * each start draws a new peer id. It writes state only, and judges nobody.
 */
import { newcomerWeight } from '../standing/index.ts'
import { forgetSuccessors, losePeer } from './lose-coalition.ts'
import type { SwarmEvent } from './swarm-events.ts'
import type { Coalition, Quarrel, SwarmState, WalletStanding } from './swarm-state.ts'

/** Wallets whose standing is remembered; of those that may work the one told longest ago is forgotten, and is a newcomer again. */
const mostWallets = 5000
const mostQuarrels = 256
/** So long two wallets are kept apart where others are there. */
const quarrelMs = 24 * 3_600_000
/** Weights are told in steps of this factor: a check more is no reason to search every placement anew. */
const step = 1.25

export const walletOf = (peer: string): string => peer.slice(0, 42).toLowerCase()

const newcomer: WalletStanding = { weight: newcomerWeight, mayHoldText: false }

const standingOf = (state: SwarmState, peer: string): WalletStanding => state.standings[walletOf(peer)] ?? newcomer

/** In [0, 1], in whole steps away from a newcomer's; a wallet that nobody told of is a newcomer. */
export const weightOfPeer = (state: SwarmState, peer: string): number => standingOf(state, peer).weight

export const mayHoldTextHere = (state: SwarmState, peer: string): boolean => standingOf(state, peer).mayHoldText

/** True where entry and exit of the ring, which see text, are of wallets that may. */
export function mayHoldText(state: SwarmState, { seats }: Pick<Coalition, 'seats'>): boolean {
  const ends = [seats[0], seats[seats.length - 1]]
  return ends.every(seat => seat !== undefined && mayHoldTextHere(state, seat.peer))
}

/** True of a wallet that gets no part in anything now. */
export const isBarredHere = (state: SwarmState, peer: string): boolean => weightOfPeer(state, peer) === 0

/** Best standing first; among equals as they were. */
export function byStanding<T extends { readonly peer: string }>(state: SwarmState, peers: readonly T[]): T[] {
  return [...peers].sort((a, b) => weightOfPeer(state, b.peer) - weightOfPeer(state, a.peer))
}

/** The state after these were weighed. Whoever weighs nothing loses its parts at once: its ring is planned anew with others. */
export function weighed(
  state: SwarmState,
  { weights, textHolders = [] }: Extract<SwarmEvent, { type: 'operators-weighed' }>,
): SwarmState {
  const told = Object.entries(weights).map(([wallet, weight]): [string, WalletStanding] => [
    wallet.toLowerCase(),
    { weight: inSteps(weight), mayHoldText: weight > 0 && textHolders.includes(wallet) },
  ])
  const isNews = ([wallet, { weight, mayHoldText }]: [string, WalletStanding]): boolean => {
    const known = state.standings[wallet] ?? newcomer
    return known.weight !== weight || known.mayHoldText !== mayHoldText
  }
  const news = told.filter(isNews)
  if (news.length === 0) return state
  const next = { ...state, standings: withStandings(state.standings, news) }
  return news.filter(([, { weight }]) => weight === 0).reduce((next, [wallet]) => expel(next, wallet), next)
}

function withStandings(
  standings: SwarmState['standings'],
  news: ReadonlyArray<readonly [string, WalletStanding]>,
): SwarmState['standings'] {
  const others = Object.entries(standings).filter(([wallet]) => !news.some(([told]) => told === wallet))
  const kept = [...others, ...news].filter(([, { weight, mayHoldText }]) => weight !== newcomerWeight || mayHoldText)
  let tooMany = kept.length - mostWallets
  if (tooMany <= 0) return Object.fromEntries(kept)
  // Nobody is let back in by a crowd.
  return Object.fromEntries(kept.filter(([, { weight }]) => weight === 0 || tooMany-- <= 0))
}

function expel(state: SwarmState, wallet: string): SwarmState {
  const peers = Object.keys(state.peers).filter(peer => walletOf(peer) === wallet)
  const vanished = state.vanished.filter(({ peer }) => walletOf(peer) !== wallet)
  const reason = 'its operator’s standing bars it from work'
  const awaited: SwarmState = { ...state, vanished }
  return peers.reduce((next, peer) => forgetSuccessors(losePeer(next, peer, reason), peer), awaited)
}

function inSteps(weight: number): number {
  return weight <= 0 ? 0 : newcomerWeight * step ** Math.round(Math.log(weight / newcomerWeight) / Math.log(step))
}

/** The state after receipts of these two neighbours did not meet: one of them, at least, said what was not. */
export function quarrelled(
  state: SwarmState,
  { operators: [a, b], atMs }: Extract<SwarmEvent, { type: 'boundary-broken' }>,
): SwarmState {
  const pair = [a.toLowerCase(), b.toLowerCase()].sort().join('|')
  const others = state.quarrels.filter(known => known.pair !== pair && atMs - known.atMs < quarrelMs)
  return { ...state, quarrels: [...others, { pair, atMs }].slice(-mostQuarrels) }
}

/** Whether two peers are rather not made neighbours. */
export function quarrelsOf({ quarrels, nowMs }: SwarmState): (a: string, b: string) => boolean {
  const pairs = new Set(quarrels.filter(({ atMs }: Quarrel) => nowMs - atMs < quarrelMs).map(({ pair }) => pair))
  if (pairs.size === 0) return () => false
  return (a, b) => pairs.has([walletOf(a), walletOf(b)].sort().join('|'))
}

/** Of the first three wallets here that are barred. */
export function explainBarred(state: SwarmState): string {
  const wallets = [...new Set(Object.keys(state.peers).map(walletOf))].filter(wallet => isBarredHere(state, wallet))
  return wallets
    .slice(0, 3)
    .map(wallet => ` Wallet ${wallet.slice(0, 6)}…${wallet.slice(-4)} gets no work: its standing bars it.`)
    .join('')
}
