/** All rings that serve the model, who stands by for each, and which of them served the reader's last answer. */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { formatLayers, formatMs, shortPeer } from '../format/format-number.ts'

type PoolRing = NonNullable<PoolSnapshot['rings']>[number]

export interface RingListProps {
  readonly rings: readonly PoolRing[]
  /** Seats of the ring that is drawn. */
  readonly drawn: PoolSnapshot['seats']
  readonly ownPeer: string | null
  /** Peers of the ring that served the last answer; null: none yet. */
  readonly servedBy: readonly string[] | null
}

/** Nothing where one ring serves, nobody stands by, and no answer was another ring's. */
export function RingList({ rings, drawn, ownPeer, servedBy }: RingListProps) {
  const served = servedBy === null ? null : (rings.find(ring => isOf(ring.seats, servedBy)) ?? null)
  const isGone = servedBy !== null && served === null
  const hasStandbys = rings.some(({ standbys }) => standbys.length > 0)
  if (rings.length < 2 && !hasStandbys && !isGone) return null
  const ready = rings.filter(({ status }) => status === 'ready').length
  return (
    <section className="rings" aria-label="Rings" data-testid="rings">
      <p>
        {ready} {ready === 1 ? 'ring serves' : 'rings serve'} this model.
        {isGone ? ' The ring that served your last answer is not here any more.' : ''}
      </p>
      <ul>
        {rings.map((ring, index) => (
          <li key={ring.id} className="ring-entry">
            <strong>Ring {index + 1}</strong> {ringWords(ring)}
            {rings.length > 1 && isOf(ring.seats, peersOf(drawn)) ? <span className="chip">drawn above</span> : null}
            {ring === served ? <span className="chip is-ready">served your last answer</span> : null}
            {ring.standbys.length === 0 ? null : (
              <ul aria-label={`Standing by for ring ${index + 1}`}>
                {ring.standbys.map(({ peer, seat, layers, isReady }) => (
                  <li key={peer} className="ring-standby">
                    {peer === ownPeer ? 'This tab' : shortPeer(peer)} stands by for{' '}
                    {seat === null ? 'the next ring, with' : `seat ${seat},`} layers {formatLayers(layers)}
                    {isReady ? '' : ' (loading)'}
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

function ringWords({ seats, status, plannedLapMs, expectedLapMs }: PoolRing): string {
  const peers = `${seats.length} ${seats.length === 1 ? 'peer' : 'peers'}`
  return `${peers}, ${statusWords[status]}, ${formatMs(expectedLapMs ?? plannedLapMs)} a lap expected`
}

const statusWords = { forming: 'forming', ready: 'ready', draining: 'finishing its work' } as const

const peersOf = (seats: PoolSnapshot['seats']): string[] =>
  [...seats].sort((a, b) => a.seat - b.seat).map(({ peer }) => peer)

function isOf(seats: PoolSnapshot['seats'], peers: readonly string[]): boolean {
  return peers.length > 0 && peersOf(seats).join() === peers.join()
}
