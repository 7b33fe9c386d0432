/** The relays that are open, whom each serves, and what it passed on: sealed bytes, which it cannot read. */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { formatBytes, shortPeer, unmeasured } from '../format/format-number.ts'

type PoolRelay = PoolSnapshot['relays'][number]

export function RelayList({ relays, ownPeer = null }: { relays: readonly PoolRelay[]; ownPeer?: string | null }) {
  if (relays.length === 0) return null
  const name = (peer: string): string => (peer === ownPeer ? `${shortPeer(peer)} (this tab)` : shortPeer(peer))
  return (
    <section className="relays" aria-label="Relays" data-testid="relays">
      <p>
        <strong>Relays</strong>
      </p>
      <ul>
        {relays.map(({ peer, members }) => (
          <li key={peer}>
            <p>
              <strong>{name(peer)}</strong>{' '}
              {members.length === 0 ? 'open, not needed now' : `serves ${members.length} peers`}
            </p>
            {members.length === 0 ? null : (
              <ul>
                {members.map(member => (
                  <li key={member.peer}>
                    <span>{name(member.peer)}</span>
                    <span className="relay-figures">
                      {`${bytesOf(member.forwardedBytes)} passed on, ${bytesOf(member.refusedBytes)} refused`}
                    </span>
                  </li>
                ))}
              </ul>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}

const bytesOf = (bytes: number | null): string => (bytes === null ? unmeasured : formatBytes(bytes))
