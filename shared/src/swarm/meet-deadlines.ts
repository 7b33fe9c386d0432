/** What time alone does: seats and standbys that load no further, links that do not open, are given up. It writes state only. */
import { ComputePoolError } from '../errors/index.ts'
import { ban } from './bans.ts'
import { coalitionOf, livingCoalitions } from './coalitions.ts'
import { meetLinkDeadline } from './hear-links.ts'
import { forgetSuccessors, lose } from './lose-coalition.ts'
import { peerInWords } from './peer-words.ts'
import type { SwarmPeer, SwarmState } from './swarm-state.ts'

export function meetDeadlines(state: SwarmState, atMs: number): SwarmState {
  return livingCoalitions(state).reduce((next, { epoch }) => meetDeadlinesOf(next, epoch, atMs), state)
}

function meetDeadlinesOf(state: SwarmState, epoch: number, atMs: number): SwarmState {
  const coalition = coalitionOf(state, epoch)!
  const isStalled = (peer: string): boolean => {
    const known = state.peers[peer]
    return known !== undefined && known.phase !== 'ready' && atMs - known.progressedAtMs > state.config.loadStallMs
  }
  const standby = coalition.standbys.find(({ peer }) => isStalled(peer))
  if (standby !== undefined) return giveUp(state, state.peers[standby.peer]!)
  if (coalition.status !== 'forming') return state
  const seat = coalition.seats.find(({ peer }) => isStalled(peer))
  if (seat !== undefined) {
    const known = state.peers[seat.peer]!
    const words = `${peerInWords(state, known.peer)} got no further while it was ${known.phase}`
    return lose(giveUp(state, known), epoch, words)
  }
  const isLoaded = coalition.seats.every(seat => state.peers[seat.peer]?.phase === 'ready')
  return isLoaded ? meetLinkDeadline(state, coalition, atMs) : state
}

function giveUp(state: SwarmState, { peer, phase }: SwarmPeer): SwarmState {
  const seconds = Math.round(state.config.loadStallMs / 1000)
  const error = new ComputePoolError('peer_timed_out', `It got no further for ${seconds} s while it was ${phase}.`, {
    remedy: 'Reload the tab and join again.',
  })
  return forgetSuccessors(ban(state, peer, error.toJSON()), peer)
}
