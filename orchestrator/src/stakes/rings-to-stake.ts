/** The pool's ready rings as stakes see them: which wallets hold which layers, by which peers, and since when. It knows no chain. */
import type { AssignedSeat, Hex, Party } from '@computepool/shared/coalition'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { operatorOf } from '../receipts/operator-of.ts'

type Seats = NonNullable<PoolSnapshot['rings']>[number]['seats']

export interface RingToStake {
  /** The same for the same wallets with the same layers. */
  readonly key: string
  readonly seats: readonly AssignedSeat[]
  /** By wallet: all its peers in this ring. */
  readonly peers: ReadonlyMap<string, readonly string[]>
  /** By wallet: what of the pool’s trust it has earned, in [0, 1]; nothing where the pool does not say. */
  readonly trust?: ReadonlyMap<string, number>
}

export const trustIn = (rings: readonly RingToStake[], operator: string): number =>
  rings.map(({ trust }) => trust?.get(operator)).find(found => found !== undefined) ?? 0

/** Each wallet from its first layer to its last; whether that is one span is another question. */
export function keyOfSeats(seats: Seats): string {
  const spans = new Map<string, { start: number; end: number }>()
  for (const { peer, layers } of seats) {
    const operator = operatorOf(peer)
    const had = spans.get(operator) ?? layers
    spans.set(operator, { start: Math.min(had.start, layers.start), end: Math.max(had.end, layers.end) })
  }
  return keyOf([...spans].map(([operator, { start, end }]) => [operator, start, end]))
}

export const keyOfTerms = ({ parties }: { readonly parties: readonly Party[] }): string =>
  keyOf(parties.map(({ operator, firstLayer, endLayer }) => [operator.toLowerCase(), firstLayer, endLayer]))

const keyOf = (spans: readonly (readonly [string, number, number])[]): string =>
  spans
    .map(([operator, start, end]) => `${operator} ${start}-${end}`)
    .sort()
    .join(', ')

/** Wallets whose layers in this ring have a gap: no terms can name them as one span. */
export function splitWallets({ seats }: Pick<RingToStake, 'seats'>): string[] {
  const ends = new Map<string, number>()
  const split = new Set<string>()
  for (const { operator, layers } of [...seats].sort((a, b) => a.layers.start - b.layers.start)) {
    const end = ends.get(operator) ?? layers.start
    if (layers.start > end) split.add(operator)
    ends.set(operator, Math.max(end, layers.end))
  }
  return [...split]
}

/** Rings that take requests, or still serve. */
export function ringsToStake({ rings = [] }: PoolSnapshot): RingToStake[] {
  return rings
    .filter(({ status, seats }) => status === 'ready' && seats.length > 0)
    .map(({ seats }) => {
      const peers = new Map<string, string[]>()
      for (const { peer } of seats) peers.set(operatorOf(peer), [...(peers.get(operatorOf(peer)) ?? []), peer])
      return {
        key: keyOfSeats(seats),
        seats: seats.map(({ peer, layers, msPerLayer }) => ({ operator: operatorOf(peer) as Hex, layers, msPerLayer })),
        peers,
        trust: new Map(seats.map(({ peer, standing }) => [operatorOf(peer), standing?.trust ?? 0])),
      }
    })
}

/** How long each ring has stood as it is. */
export function createRingAges(nowMs: () => number) {
  let since = new Map<string, number>()
  return {
    /** True where another ring stands than at the last look. */
    look: (rings: readonly RingToStake[]): boolean => {
      const next = new Map(rings.map(({ key }) => [key, since.get(key) ?? nowMs()]))
      const hasChanged = next.size !== since.size || [...next.keys()].some(key => !since.has(key))
      since = next
      return hasChanged
    },
    ageMs: (key: string): number => nowMs() - (since.get(key) ?? nowMs()),
  }
}
