/**
 * Datagrams on their way out through a daemon: what is posted in one turn of the event loop, or while a `/send` is under way, leaves as one
 * parcel for each receiving daemon, because each `/send` dials anew. It knows keys and sizes, and neither routes nor sessions.
 */

import {
  encodeParcel,
  entryBytes,
  maxParcelBytes,
  maxParcelEntries,
  type ParcelEntry,
  parcelHeaderBytes,
} from '@computepool/shared/datagram'
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import type { AxlClient } from './axl-client.ts'
import { type AxlLimits, defaultAxlLimits } from './axl-limits.ts'

export interface AxlOutboxCounts {
  /** `/send` calls that the daemon took. */
  parcels: number
  datagrams: number
  bytes: number
  /** The oldest of a full queue, let go. */
  dropped: number
  /** Of parcels that the daemon could not pass on. */
  failed: number
}

export interface AxlOutbox {
  readonly counts: Readonly<AxlOutboxCounts>
  /**
   * Resolves when the daemon has taken it, or when it had to make room for a newer one (a lost datagram). Errors: those of `AxlClient.send`;
   * `peer_disconnected` after `close`.
   */
  post(key: string, entry: ParcelEntry): Promise<void>
  close(): void
}

interface Waiting {
  readonly entry: ParcelEntry
  resolve(): void
  reject(error: unknown): void
}

interface Lane {
  readonly waiting: Waiting[]
  waitingBytes: number
  sends: number
  isTurnDue: boolean
}

/** `isRelay`: whether a key is a relay's, whose daemon many send to. */
export function createAxlOutbox(
  client: Pick<AxlClient, 'send'>,
  given: Partial<AxlLimits> = {},
  isRelay: (key: string) => boolean = () => false,
): AxlOutbox {
  const limits = { ...defaultAxlLimits, ...given }
  const lanes = new Map<string, Lane>()
  const counts: AxlOutboxCounts = { parcels: 0, datagrams: 0, bytes: 0, dropped: 0, failed: 0 }
  let isClosed = false

  function takeBatch(lane: Lane): Waiting[] {
    const batch: Waiting[] = []
    let sizeBytes = parcelHeaderBytes
    while (batch.length < maxParcelEntries) {
      const next = lane.waiting[0]
      if (next === undefined) break
      sizeBytes += entryBytes(next.entry.datagram)
      if (sizeBytes > maxParcelBytes && batch.length > 0) break
      lane.waiting.shift()
      lane.waitingBytes -= next.entry.datagram.length
      batch.push(next)
    }
    return batch
  }

  async function sendBatch(key: string, batch: readonly Waiting[]): Promise<void> {
    try {
      const parcel = encodeParcel(batch.map(({ entry }) => entry))
      await client.send(key, parcel)
      counts.parcels += 1
      counts.datagrams += batch.length
      counts.bytes += parcel.length
      for (const { resolve } of batch) resolve()
    } catch (thrown) {
      counts.failed += batch.length
      const error = asComputePoolError(thrown, 'peer_unreachable')
      for (const { reject } of batch) reject(error)
    }
  }

  function pump(key: string, lane: Lane): void {
    const atOnce = isRelay(key) ? Math.min(limits.relaySendsAtOnce, limits.sendsAtOnce) : limits.sendsAtOnce
    while (lane.sends < atOnce && lane.waiting.length > 0 && !isClosed) {
      lane.sends += 1
      void sendBatch(key, takeBatch(lane)).then(() => {
        lane.sends -= 1
        pump(key, lane)
        if (lane.sends === 0 && lane.waiting.length === 0) lanes.delete(key)
      })
    }
  }

  function makeRoom(lane: Lane): void {
    while (lane.waitingBytes > limits.queueBytes && lane.waiting.length > 1) {
      const oldest = lane.waiting.shift()!
      lane.waitingBytes -= oldest.entry.datagram.length
      counts.dropped += 1
      oldest.resolve()
    }
  }

  return {
    counts,
    post(key, entry) {
      return new Promise((resolve, reject) => {
        if (isClosed) throw closed()
        const lane = lanes.get(key) ?? { waiting: [], waitingBytes: 0, sends: 0, isTurnDue: false }
        lanes.set(key, lane)
        lane.waiting.push({ entry, resolve, reject })
        lane.waitingBytes += entry.datagram.length
        makeRoom(lane)
        if (lane.isTurnDue) return
        lane.isTurnDue = true
        setImmediate(() => {
          lane.isTurnDue = false
          pump(key, lane)
        })
      })
    },
    close() {
      isClosed = true
      for (const lane of lanes.values()) for (const { reject } of lane.waiting.splice(0)) reject(closed())
      lanes.clear()
    },
  }
}

const closed = (): ComputePoolError =>
  new ComputePoolError('peer_disconnected', 'The way out through the AXL daemon is closed.', {
    remedy: 'Nothing: it was closed on purpose.',
  })
