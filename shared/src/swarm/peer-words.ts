/** Names peers for people: a tab, a headless node or a relay, by a few digits of its id. */
import type { SwarmPeer, SwarmState } from './swarm-state.ts'

const shortPeer = (peer: string): string => `${peer.slice(0, 6)}…${peer.slice(-8)}`

/** "tab 0x1234…00000001", or "node …", or "relay …", as far as `state` knows. */
export function peerInWords(state: SwarmState, peer: string): string {
  return `${nounOf(state.peers[peer])} ${shortPeer(peer)}`
}

function nounOf(peer: SwarmPeer | undefined): 'tab' | 'node' | 'relay' {
  if (peer?.role === 'relay') return 'relay'
  return peer?.capability?.engine === 'native' ? 'node' : 'tab'
}

/** "tabs", or "peers" where not all of them are tabs; without the s for one. */
export function peersInWords(peers: readonly SwarmPeer[], count = peers.length): string {
  const noun = peers.every(peer => nounOf(peer) === 'tab') ? 'tab' : 'peer'
  return count === 1 ? noun : `${noun}s`
}
