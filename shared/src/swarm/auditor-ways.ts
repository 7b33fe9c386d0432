/**
 * How an auditor is linked to a ring that it has no seat in: its ways to the seats, and theirs to it. Straight ways only, as a standby's: a
 * relay's work is told once for a coalition. It reads the state and writes nothing.
 */
import { maxHandoverBytes } from '../audit/handover.ts'
import { type LayerRange, layerCount } from '../model/index.ts'
import type { LinkRoute } from '../wire/control-messages.ts'
import { coalitionOf } from './coalitions.ts'
import { planLinks } from './swarm-links.ts'
import type { SwarmState } from './swarm-state.ts'

export interface AuditorWays {
  /** To the seats that it can reach. */
  readonly routes: readonly LinkRoute[]
  /** Of each seat, in the ring's order; null: there is none. */
  readonly back: ReadonlyArray<LinkRoute | null>
  /** For one request of full length. */
  readonly kvBudgetBytes: number
  readonly maxContext: number
}

/** Null where the ring, or the auditor, is not there any more. */
export function auditorWays(state: SwarmState, epoch: number, auditor: string, layers: LayerRange): AuditorWays | null {
  const coalition = coalitionOf(state, epoch)
  const known = state.peers[auditor]
  if (coalition === null || coalition.status === 'lost' || known?.role !== 'auditor' || known.draining !== 'no')
    return null
  const { pathsBetween } = planLinks(state, [])
  const way = (from: string, to: string): LinkRoute | null => {
    const paths = pathsBetween(from, to)
    return paths.length === 0 ? null : { peer: to, paths }
  }
  const { placement, maxContext } = state.config
  return {
    routes: coalition.seats.flatMap(({ peer }) => way(auditor, peer) ?? []),
    back: coalition.seats.map(({ peer }) => way(peer, auditor)),
    kvBudgetBytes: layerCount(layers) * placement.kvBytesPerLayer,
    maxContext,
  }
}

/**
 * What a check of these layers takes of memory, in bytes: weights, a cache for one request, and of a request of full length the rows that it holds: what the
 * seat received, what it sent, and its own. In f32, which is twice what a hop is reckoned with.
 */
export function bytesToAudit({ config }: SwarmState, layers: LayerRange): number {
  const { layerBytes, kvBytesPerLayer, embeddingBytes, headBytes } = config.placement
  const rowsBytes = config.maxContext * 2 * config.activationBytes
  // As much again of one's own is held at most (`maxReplayBytes`).
  const held = 2 * Math.min(rowsBytes, maxHandoverBytes) + Math.min(rowsBytes, 2 * maxHandoverBytes)
  const ends = (layers.start === 0 ? embeddingBytes : 0) + (layers.end === config.placement.layers ? headBytes : 0)
  return layerCount(layers) * (layerBytes + kvBytesPerLayer) + ends + held
}
