/** Why this peer holds what it holds, and why not more; or what it stands by for. Nothing where the pool tells neither. */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { formatLayers } from '../format/format-number.ts'

export function PlaceWords({ pool, peer }: { pool: PoolSnapshot | null; peer: string | null }) {
  const words = pool === null || peer === null ? [] : placeWords(pool, peer)
  if (words.length === 0) return null
  return (
    <div className="hint" data-testid="place-words">
      {words.map(text => (
        <p key={text}>{text}</p>
      ))}
    </div>
  )
}

/** One sentence a reason, a seat's in the orchestrator's words. Pure. */
function placeWords(pool: PoolSnapshot, peer: string): string[] {
  const rings = pool.rings ?? []
  const seats = rings.length > 0 ? rings.flatMap(ring => ring.seats) : pool.seats
  const reasons = seats.flatMap(seat => (seat.peer === peer && seat.reason ? [seat.reason] : []))
  const standbys = rings.flatMap(({ standbys }, index) =>
    standbys.flatMap(standby => {
      if (standby.peer !== peer) return []
      const layers = formatLayers(standby.layers)
      const whose = rings.length > 1 ? ` of ring ${index + 1}` : ''
      const why =
        standby.seat === null
          ? `This tab gets layers ${layers} ready for the ring that will follow${whose === '' ? '' : ` ring ${index + 1}`}.`
          : `Standing by for layers ${layers}: should seat ${standby.seat}${whose} fall vacant, this tab takes it over.`
      return [standby.isReady ? why : `${why} They are loading.`]
    }),
  )
  return [...reasons, ...standbys]
}
