/** The tabs this one is linked to, and how far away each is, measured. */
import type { HopFacts, PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { formatMs, shortPeer } from '../format/format-number.ts'

const kindNames: Readonly<Record<HopFacts['kind'], string>> = {
  loopback: 'in this tab',
  webrtc: 'WebRTC, direct',
  axl: 'AXL',
  relay: 'WebRTC, relayed',
}

export function LinkList({ links, seats }: { links: readonly HopFacts[]; seats: PeerSnapshot['seats'] }) {
  return (
    <section aria-label="Links">
      <h3>Links</h3>
      <ul className="links">
        {links.map(link => {
          const seat = seats.find(other => other.peer === link.peer)
          return (
            <li key={link.peer}>
              <span>
                {seat === undefined ? '' : `Seat ${seat.seat}, `}
                {shortPeer(link.peer)}
              </span>
              <span className="hint">{kindNames[link.kind]}</span>
              <span className="link-figure">{link.isOpen ? formatMs(link.rttMs) : 'opening'}</span>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
