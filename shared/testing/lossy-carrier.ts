/**
 * The carrier port's fake: any number of peers on one network that loses, delays, re-orders and doubles datagrams, each peer with a
 * queue that drops its oldest, as an AXL daemon's does. Seeded; it moves only when the clock moves. It lets a test forge senders.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock, DatagramCarrier } from '@computepool/shared/ports'
import { createSeededRandom } from './seeded-random.ts'

export interface LossyNetOptions {
  readonly clock: Clock
  readonly seed?: number
  /** One way. */
  readonly delayMs?: number
  /** Added to the delay, uniform in [0, jitterMs): datagrams overtake one another where it is not 0. */
  readonly jitterMs?: number
  readonly lossRate?: number
  readonly duplicateRate?: number
  /** Datagrams that wait for a peer; the oldest goes first. */
  readonly queueLength?: number
  /** Between two looks of a peer at its queue; 0: at once. */
  readonly pollMs?: number
  readonly maxDatagramBytes?: number
}

export interface LossyNetCounts {
  readonly posted: number
  readonly delivered: number
  readonly lost: number
  /** Pushed out of a full queue. */
  readonly overflowed: number
}

export type PostHandler = (from: string, to: string, datagram: Uint8Array) => boolean

export interface LossyNet {
  /** One a peer. */
  carrier(peer: string): DatagramCarrier
  /** Nothing passes between the two, in either direction, until `heal`. */
  part(a: string, b: string): void
  heal(a: string, b: string): void
  /** Hands a datagram over as if `from` had posted it, with neither loss nor delay. */
  inject(from: string, to: string, datagram: Uint8Array): void
  /** Sees every datagram that is posted, and answers false to lose it. */
  onPosted(handler: PostHandler): () => void
  isBusy(peer: string): boolean
  readonly counts: LossyNetCounts
}

interface Station {
  readonly handlers: Set<(from: string, datagram: Uint8Array) => void>
  readonly queue: { readonly from: string; readonly datagram: Uint8Array }[]
  isPolling: boolean
  isBusy: boolean
  isClosed: boolean
}

export function createLossyNet(options: LossyNetOptions): LossyNet {
  const { clock, delayMs = 1, jitterMs = 0, lossRate = 0, duplicateRate = 0 } = options
  const { queueLength = 100, pollMs = 0, maxDatagramBytes = 129 << 10 } = options
  const random = createSeededRandom(options.seed ?? 1)
  const stations = new Map<string, Station>()
  const parted = new Set<string>()
  const watchers = new Set<PostHandler>()
  const counts = { posted: 0, delivered: 0, lost: 0, overflowed: 0 }

  const pairOf = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`)

  function stationOf(peer: string): Station {
    const known = stations.get(peer)
    if (known) return known
    const station = { handlers: new Set<never>(), queue: [], isPolling: false, isBusy: false, isClosed: false }
    stations.set(peer, station)
    return station
  }

  function enqueue(from: string, to: string, datagram: Uint8Array): void {
    const station = stationOf(to)
    if (station.isClosed) return
    station.queue.push({ from, datagram })
    if (station.queue.length > queueLength) {
      station.queue.shift()
      counts.overflowed += 1
    }
    if (pollMs === 0) drain(station)
    else if (!station.isPolling) {
      station.isPolling = true
      clock.schedule(pollMs, () => drain(station))
    }
  }

  function drain(station: Station): void {
    station.isPolling = false
    for (const { from, datagram } of station.queue.splice(0)) {
      counts.delivered += 1
      for (const handler of [...station.handlers]) handler(from, datagram)
    }
  }

  function carry(from: string, to: string, datagram: Uint8Array): void {
    if (random.next() < lossRate || parted.has(pairOf(from, to))) {
      counts.lost += 1
      return
    }
    clock.schedule(delayMs + random.next() * jitterMs, () => enqueue(from, to, datagram))
  }

  return {
    carrier(peer) {
      const station = stationOf(peer)
      return {
        maxDatagramBytes,
        async post(to, datagram) {
          if (station.isClosed) throw new ComputePoolError('peer_disconnected', 'This carrier is closed')
          if (datagram.length > maxDatagramBytes) {
            throw new ComputePoolError('peer_frame_too_large', `A datagram of ${datagram.length} bytes is too large`)
          }
          counts.posted += 1
          const copy = datagram.slice()
          if (![...watchers].every(watcher => watcher(peer, to, copy))) {
            counts.lost += 1
            return
          }
          carry(peer, to, copy)
          if (random.next() < duplicateRate) carry(peer, to, copy)
        },
        onDatagram(handler) {
          station.handlers.add(handler)
          return () => void station.handlers.delete(handler)
        },
        setBusy(isBusy) {
          station.isBusy = isBusy
        },
        async close() {
          station.isClosed = true
          station.queue.length = 0
        },
      }
    },
    part: (a, b) => void parted.add(pairOf(a, b)),
    heal: (a, b) => void parted.delete(pairOf(a, b)),
    inject: (from, to, datagram) => enqueue(from, to, datagram.slice()),
    onPosted(handler) {
      watchers.add(handler)
      return () => void watchers.delete(handler)
    },
    isBusy: peer => stationOf(peer).isBusy,
    get counts() {
      return { ...counts }
    },
  }
}
