/** Says why peers that would suffice cannot be joined in a ring, and what opens a way between them. It decides nothing. */
import type { Reach } from '../wire/control-messages.ts'
import { peersInWords } from './peer-words.ts'
import { isPlaceable, openRelays } from './swarm-links.ts'
import type { SwarmState } from './swarm-state.ts'

/** "The 2 peers here cannot reach each other (1 by WebRTC only, 1 by AXL only), and no relay is open: run `computepool bridge`." */
export function explainUnlinked(state: SwarmState): string {
  const peers = Object.values(state.peers).filter(peer => isPlaceable(state, peer))
  const groups = new Map<string, number>()
  for (const { reach } of peers) groups.set(reachInWords(reach), (groups.get(reachInWords(reach)) ?? 0) + 1)
  const ways = [...groups].sort(([a], [b]) => (a < b ? 1 : -1)).map(([words, count]) => `${count} ${words}`)
  const relays = openRelays(state).length
  const missing =
    relays === 0
      ? 'no relay is open'
      : relays === 1
        ? 'the open relay does not reach both sides'
        : `none of the ${relays} open relays reaches both sides`
  return (
    `The ${peers.length} ${peersInWords(peers)} here cannot reach each other (${ways.join(', ')}), and ${missing}: ` +
    'run `computepool bridge`.'
  )
}

function reachInWords({ webrtc, axl }: Reach): string {
  if (webrtc) return axl === null ? 'by WebRTC only' : 'by WebRTC and AXL'
  return axl === null ? 'in no way' : 'by AXL only'
}
