/**
 * One direction of an emulated distance: packets wait for their turn on a link of so many bits a second, some are lost, the rest arrive
 * after a fixed time and in order. It knows neither sockets nor what a packet holds; which packet is lost depends on its number alone.
 */
import type { Clock } from '@computepool/shared/ports'

export interface Impairment {
  /** From the end of a packet's transmission to its arrival. */
  readonly oneWayMs: number
  /** Share of packets that never arrive. */
  readonly lossRate: number
  /** Of the sender's line; null: as fast as the machine. */
  readonly bitsPerSecond: number | null
}

export interface WayCounts {
  readonly packets: number
  readonly bytes: number
  /** By chance, as the loss rate has it. */
  readonly lost: number
  /** Refused by the full queue in front of a slow line. */
  readonly overflowed: number
  readonly arrived: number
}

export interface ImpairedWay {
  /** `deliver` is called when the packet arrives, if it does. */
  send(sizeBytes: number, deliver: () => void): void
  /** For packets sent from now on. */
  change(impairment: Impairment): void
  readonly counts: WayCounts
  /** What is under way is lost. */
  close(): void
}

/** What waits in front of a slow line, as in a household's router; more is dropped. */
const queueMs = 200
/** A UDP and IPv4 header, which a line carries too. */
const overheadBytes = 28
/** A timer of a host is late by half a millisecond on average: what is due so soon goes with it. */
const earlyMs = 0.5

export function createImpairedWay(options: {
  readonly clock: Pick<Clock, 'monotonicMs' | 'schedule'>
  readonly random: { next(): number }
  readonly impairment: Impairment
}): ImpairedWay {
  const { clock, random } = options
  let { impairment } = options
  const counts = { packets: 0, bytes: 0, lost: 0, overflowed: 0, arrived: 0 }
  const underWay: { readonly dueMs: number; readonly deliver: () => void }[] = []
  let lineFreeMs = 0
  let lastDueMs = 0
  let isScheduled = false
  let cancel = (): void => {}

  function arrive(): void {
    isScheduled = false
    const nowMs = clock.monotonicMs()
    while (underWay.length > 0 && underWay[0]!.dueMs <= nowMs + earlyMs) {
      counts.arrived += 1
      underWay.shift()!.deliver()
    }
    schedule(nowMs)
  }
  function schedule(nowMs: number): void {
    const next = underWay[0]
    if (isScheduled || next === undefined) return
    isScheduled = true
    cancel = clock.schedule(Math.max(0, next.dueMs - nowMs), arrive)
  }

  return {
    send(sizeBytes, deliver) {
      counts.packets += 1
      counts.bytes += sizeBytes
      // Drawn for every packet, so that the n-th packet's fate is the same whatever the rates are.
      const isLost = random.next() < impairment.lossRate
      const nowMs = clock.monotonicMs()
      const { bitsPerSecond, oneWayMs } = impairment
      const beginsMs = Math.max(nowMs, lineFreeMs)
      if (bitsPerSecond !== null && beginsMs - nowMs > queueMs) {
        counts.overflowed += 1
        return
      }
      lineFreeMs = bitsPerSecond === null ? nowMs : beginsMs + ((sizeBytes + overheadBytes) * 8000) / bitsPerSecond
      if (isLost) {
        counts.lost += 1
        return
      }
      // In order, also where the delay has been made shorter meanwhile.
      lastDueMs = Math.max(lastDueMs, lineFreeMs + oneWayMs)
      if (underWay.length === 0 && lastDueMs <= nowMs) {
        counts.arrived += 1
        deliver()
        return
      }
      underWay.push({ dueMs: lastDueMs, deliver })
      schedule(nowMs)
    },
    change(next) {
      impairment = next
    },
    get counts() {
      return { ...counts }
    },
    close() {
      cancel()
      underWay.length = 0
    },
  }
}
