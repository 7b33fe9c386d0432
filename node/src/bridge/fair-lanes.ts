/**
 * The queues of a relay: one for each pair of a source and a member, served by deficit round robin (Shreedhar and Varghese, 1995), so that a
 * member's way out is shared by bytes among those who send to it. It knows no I/O, no identities and no rates.
 */
import {
  entryBytes,
  maxParcelBytes,
  maxParcelEntries,
  type ParcelEntry,
  parcelHeaderBytes,
} from '@computepool/shared/datagram'

/** Bytes that a lane may take before the next lane's turn: a decode step of a large model, so that small frames never wait for a second turn. */
const quantumBytes = 16 << 10

/** Of any size; a session has 32 under way at most. */
const maxLaneDatagrams = 4096

interface Lane<Entry extends ParcelEntry> {
  readonly source: string
  readonly waiting: Entry[]
  waitingBytes: number
  creditBytes: number
}

export interface FairLanes<Entry extends ParcelEntry> {
  /** False where the lane or the source has no room. The datagram is kept as it is: hand over a copy. */
  put(source: string, entry: Entry): boolean
  /** What goes to `member` next, as much as a parcel holds. Empty where nothing waits. */
  take(member: string): readonly Entry[]
  hasWork(member: string): boolean
  /** Drops what waits for `member`. */
  drop(member: string): void
  clear(): void
}

export function createFairLanes<Entry extends ParcelEntry = ParcelEntry>(limits: {
  readonly laneBytes: number
  readonly sourceBytes: number
}): FairLanes<Entry> {
  /** Lanes with something in them, the one whose turn it is first. */
  const lanesTo = new Map<string, Lane<Entry>[]>()
  const bytesOf = new Map<string, number>()
  const charge = (source: string, sizeBytes: number): void => {
    const next = (bytesOf.get(source) ?? 0) + sizeBytes
    if (next === 0) bytesOf.delete(source)
    else bytesOf.set(source, next)
  }

  return {
    put(source, entry) {
      const sizeBytes = entryBytes(entry.datagram)
      const lanes = lanesTo.get(entry.to) ?? []
      const known = lanes.find(lane => lane.source === source)
      if ((known?.waitingBytes ?? 0) + sizeBytes > limits.laneBytes) return false
      if ((known?.waiting.length ?? 0) === maxLaneDatagrams) return false
      if ((bytesOf.get(source) ?? 0) + sizeBytes > limits.sourceBytes) return false
      const lane: Lane<Entry> = known ?? { source, waiting: [], waitingBytes: 0, creditBytes: 0 }
      if (known === undefined) lanesTo.set(entry.to, [...lanes, lane])
      lane.waiting.push(entry)
      lane.waitingBytes += sizeBytes
      charge(source, sizeBytes)
      return true
    },
    take(member) {
      const lanes = lanesTo.get(member) ?? []
      const batch: Entry[] = []
      let parcelBytes = parcelHeaderBytes
      while (batch.length < maxParcelEntries) {
        const [lane] = lanes
        const head = lane?.waiting[0]
        if (lane === undefined || head === undefined) break
        const sizeBytes = entryBytes(head.datagram)
        if (parcelBytes + sizeBytes > maxParcelBytes) break
        if (lane.creditBytes < sizeBytes) {
          lane.creditBytes += quantumBytes
          lanes.push(lanes.shift()!)
          continue
        }
        lane.waiting.shift()
        lane.creditBytes -= sizeBytes
        lane.waitingBytes -= sizeBytes
        charge(lane.source, -sizeBytes)
        parcelBytes += sizeBytes
        batch.push(head)
        // Credit is not saved up while nothing waits.
        if (lane.waiting.length === 0) lanes.shift()
      }
      if (lanes.length === 0) lanesTo.delete(member)
      return batch
    },
    hasWork: member => lanesTo.has(member),
    drop(member) {
      for (const lane of lanesTo.get(member) ?? []) charge(lane.source, -lane.waitingBytes)
      lanesTo.delete(member)
    },
    clear() {
      lanesTo.clear()
      bytesOf.clear()
    },
  }
}
