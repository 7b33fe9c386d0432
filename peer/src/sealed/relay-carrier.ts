/**
 * The datagram carrier of a peer that reaches others through a relay: parcels as frames on the link to it. The relay can lose, delay and
 * double what it carries, and read nothing. (A relay behind an AXL daemon is reached by the AXL carrier, with the relay's key as the way.)
 */
import { decodeParcel, encodeParcel, maxDatagramBytes } from '@computepool/shared/datagram'
import { ComputePoolError } from '@computepool/shared/errors'
import type { DatagramCarrier, Transport } from '@computepool/shared/ports'
import type { LinkRoute, PeerId } from '@computepool/shared/wire'
import { createWayTable } from './way-table.ts'

export interface RelayCarrierOptions {
  readonly self: PeerId
  /** The transport that has the links to the relays; frames of other peers are not looked at. It stays open when the carrier closes. */
  readonly links: Pick<Transport, 'send' | 'onFrame'>
  /** What may wait for a link that is full or not open yet; more is lost, as datagrams are. */
  readonly queueBytes?: number
}

export interface RelayCarrierCounts {
  readonly posted: number
  readonly arrived: number
  /** Found no room to wait in. */
  readonly dropped: number
  /** From a relay: no parcel, or a datagram of a peer that is not behind it, or for another. */
  readonly refused: number
}

export interface RelayCarrier extends DatagramCarrier {
  /** Takes the ways of these routes through relays that have a link, in their order, and forgets all others. */
  setRoutes(routes: readonly LinkRoute[]): void
  /** Relays that the routes name: whom to link to. */
  relays(): readonly PeerId[]
  readonly counts: RelayCarrierCounts
}

const defaultQueueBytes = 8 << 20

export function createRelayCarrier(options: RelayCarrierOptions): RelayCarrier {
  const { self, links, queueBytes = defaultQueueBytes } = options
  const handlers = new Set<(from: string, datagram: Uint8Array) => void>()
  const ways = createWayTable()
  const counts = { posted: 0, arrived: 0, dropped: 0, refused: 0 }
  let relays: readonly PeerId[] = []
  let waitingBytes = 0
  const end = new AbortController()

  const stopListening = links.onFrame((relay, frame) => {
    if (!relays.includes(relay as PeerId)) return
    for (const { to, from, datagram } of decodeParcel(frame) ?? refused()) {
      if (to !== self || !ways.has(from, relay)) {
        counts.refused += 1
        continue
      }
      counts.arrived += 1
      for (const handler of [...handlers]) handler(from, datagram)
    }
  })

  function refused(): readonly never[] {
    counts.refused += 1
    return []
  }

  return {
    maxDatagramBytes,
    async post(to, datagram) {
      if (end.signal.aborted) throw closed()
      const relay = ways.first(to)
      if (relay === null) throw unrouted(to)
      const parcel = encodeParcel([{ to: to as PeerId, from: self, datagram }])
      if (waitingBytes + parcel.length > queueBytes) {
        counts.dropped += 1
        return
      }
      waitingBytes += parcel.length
      try {
        await links.send(relay, parcel, end.signal)
        counts.posted += 1
      } catch (fault) {
        if (end.signal.aborted) throw closed()
        ways.passOver(to, relay)
        throw fault
      } finally {
        waitingBytes -= parcel.length
      }
    },
    onDatagram(handler) {
      handlers.add(handler)
      return () => void handlers.delete(handler)
    },
    setBusy() {
      // A link tells by itself what arrives.
    },
    passOver(to) {
      const way = ways.first(to)
      if (way !== null) ways.passOver(to, way)
    },
    wayTo: to => ways.first(to),
    goBack: (to, way) => ways.goBack(to, way),
    setRoutes(routes) {
      const viaOf = new Map<string, readonly PeerId[]>()
      for (const { peer, paths } of routes) {
        viaOf.set(
          peer,
          paths.flatMap(path => (path.kind === 'relay' && path.key === null ? [path.via] : [])),
        )
      }
      ways.set(viaOf)
      relays = [...new Set([...viaOf.values()].flat())]
    },
    relays: () => relays,
    get counts() {
      return { ...counts }
    },
    async close() {
      if (end.signal.aborted) return
      end.abort(closed())
      stopListening()
    },
  }
}

const unrouted = (peer: string): ComputePoolError =>
  new ComputePoolError('peer_unreachable', `No relay is known for ${peer}.`, {
    remedy: 'Wait for an assignment that links to it.',
    context: { peer },
  })

const closed = (): ComputePoolError =>
  new ComputePoolError('peer_disconnected', 'This relay carrier is closed.', {
    remedy: 'Nothing: it was closed on purpose.',
  })
