/**
 * The packets under way and what they carried: told of acks it finds which arrived and which are lost (RFC 9002, section 6, by packet
 * and by time threshold). It knows no keys and no clock; what a packet carried is opaque.
 */
import type { NumberRange } from './packet.ts'

export interface SentPacket<T> {
  readonly number: number
  readonly sentAtMs: number
  readonly content: T
}

export interface AckOutcome<T> {
  /** Arrived; also those that had been given up for lost. */
  readonly acked: readonly SentPacket<T>[]
  readonly lost: readonly SentPacket<T>[]
  /** From the largest newly acknowledged packet; null where the ack brought nothing new at its top. */
  readonly sampleMs: number | null
}

export interface SentBook<T> {
  /** Numbers ascend. */
  add(packet: SentPacket<T>): void
  /** `roundTripMs`: the larger of the smoothed and the latest. */
  acknowledge(ranges: readonly NumberRange[], nowMs: number, roundTripMs: number): AckOutcome<T>
  /** Those whose time is over. */
  takeLost(nowMs: number, roundTripMs: number): readonly SentPacket<T>[]
  /** When `takeLost` has something to do, or null. */
  readonly lossAtMs: number | null
  readonly oldest: SentPacket<T> | null
  /** Under way: neither acknowledged nor lost. */
  readonly inFlight: number
  clear(): void
}

/** RFC 9002, 6.1.1; raised where packets given up for lost arrive after all, as on a way that re-orders. */
const initialReorderPackets = 3
const maxReorderPackets = 16
const timeThreshold = 9 / 8
const granularityMs = 1
/** Lost packets that are remembered, because they may be acknowledged yet. */
const rememberedLost = 64

export function createSentBook<T>(): SentBook<T> {
  /** Maps keep the order of insertion, which is that of the numbers. */
  const flying = new Map<number, SentPacket<T>>()
  const lost = new Map<number, SentPacket<T>>()
  let largestAcked = -1
  let largestSent = -1
  let reorderPackets = initialReorderPackets
  let lossAtMs: number | null = null

  function takeLost(nowMs: number, roundTripMs: number): readonly SentPacket<T>[] {
    const waitMs = Math.max(granularityMs, timeThreshold * roundTripMs)
    const gone: SentPacket<T>[] = []
    lossAtMs = null
    for (const packet of flying.values()) {
      if (packet.number > largestAcked) break
      const atMs = packet.sentAtMs + waitMs
      if (largestAcked - packet.number >= reorderPackets || atMs <= nowMs) gone.push(packet)
      else lossAtMs = Math.min(lossAtMs ?? Number.POSITIVE_INFINITY, atMs)
    }
    for (const packet of gone) {
      flying.delete(packet.number)
      lost.set(packet.number, packet)
    }
    for (const number of lost.keys()) {
      if (lost.size <= rememberedLost) break
      lost.delete(number)
    }
    return gone
  }

  return {
    add(packet) {
      flying.set(packet.number, packet)
      largestSent = packet.number
    },
    acknowledge(ranges, nowMs, roundTripMs) {
      const top = (ranges[0]?.end ?? 0) - 1
      const acked: SentPacket<T>[] = []
      // Ranges may span millions of old numbers: what is under way is few, so it is looked up in the ranges.
      const isAcked = (number: number): boolean => ranges.some(({ start, end }) => number >= start && number < end)
      for (const packet of flying.values()) if (isAcked(packet.number)) acked.push(packet)
      for (const packet of lost.values()) {
        if (!isAcked(packet.number)) continue
        acked.push(packet)
        reorderPackets = Math.min(
          maxReorderPackets,
          Math.max(reorderPackets, Math.max(top, largestAcked) - packet.number + 1),
        )
      }
      const newest = acked.find(({ number }) => number === top)
      const isNewTop = newest !== undefined && top > largestAcked && flying.has(top)
      for (const { number } of acked) if (!flying.delete(number)) lost.delete(number)
      largestAcked = Math.max(largestAcked, Math.min(top, largestSent))
      return {
        acked,
        lost: takeLost(nowMs, roundTripMs),
        sampleMs: isNewTop ? nowMs - newest.sentAtMs : null,
      }
    },
    takeLost,
    get lossAtMs() {
      return lossAtMs
    },
    get oldest() {
      for (const packet of flying.values()) return packet
      return null
    },
    get inFlight() {
      return flying.size
    },
    clear() {
      flying.clear()
      lost.clear()
      lossAtMs = null
    },
  }
}
