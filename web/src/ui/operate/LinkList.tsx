/** The peers this one is linked to, over what, and how far away and how fast each is, measured. */
import type { HopFacts, PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { formatMs, formatSpeed, shortPeer } from '../format/format-number.ts'
import { linkMeanings, linkNames } from '../format/link-words.ts'

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
              <span className="hint" title={linkMeanings[link.kind]}>
                {linkNames[link.kind]}
              </span>
              <span className="link-figure">{link.isOpen ? formatMs(link.rttMs) : 'opening'}</span>
              <span className="link-figure">{link.isOpen ? formatSpeed(link.bytesPerSecond) : ''}</span>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
