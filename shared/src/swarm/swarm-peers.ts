/** A peer's record in a swarm's state: how it begins, how it is replaced. */
import type { SwarmPeer, SwarmState } from './swarm-state.ts'

export const newPeer = (peer: string, atMs: number): SwarmPeer => ({
  peer,
  version: null,
  role: 'operator',
  reach: { webrtc: false, axl: null },
  draining: 'no',
  askedToGoAtMs: null,
  phase: 'joined',
  capability: null,
  doneBytes: 0,
  totalBytes: 0,
  kvBudgetBytes: null,
  maxContext: null,
  isHolding: false,
  held: null,
  isRefused: false,
  heardAtMs: atMs,
  isSilent: false,
  progressedAtMs: atMs,
  stats: null,
  isHidden: false,
  turnedAtMs: null,
  speed: { visibleMs: null, hiddenMs: null },
})

export const withPeer = (state: SwarmState, peer: SwarmPeer): SwarmState => ({
  ...state,
  peers: { ...state.peers, [peer.peer]: peer },
})

/** Nothing where it is gone. */
export function changePeer(state: SwarmState, peer: string, change: Partial<SwarmPeer>): SwarmState {
  const known = state.peers[peer]
  return known === undefined ? state : withPeer(state, { ...known, ...change })
}
