/** Which packets of the other side came, and when they must be acknowledged: at once where something is missing, else a little later. */
import { type Ack, createReceivedNumbers, maxAckRanges } from '@computepool/shared/datagram'
import type { SealedLimits } from './sealed-limits.ts'

export interface AckDuty {
  /** True where the packet came before, or lies below what is remembered. */
  has(number: number): boolean
  note(number: number, wants: 'nothing' | 'an ack' | 'an ack at once', nowMs: number): void
  /** Null: nothing is owed. */
  readonly dueMs: number | null
  /** Pays it. */
  take(nowMs: number, credit: number): Ack
  clear(): void
}

const rememberedRanges = 64

export function createAckDuty(limits: Pick<SealedLimits, 'ackEveryPackets' | 'maxAckDelayMs'>): AckDuty {
  const received = createReceivedNumbers(rememberedRanges)
  let dueMs: number | null = null
  let owed = 0
  let largestAtMs = 0
  return {
    has: number => received.has(number),
    note(number, wants, nowMs) {
      const isInOrder = number === received.largest + 1
      if (number > received.largest) largestAtMs = nowMs
      received.add(number)
      if (wants === 'nothing') return
      owed += 1
      const isDue = wants === 'an ack at once' || !isInOrder || owed >= limits.ackEveryPackets
      dueMs = isDue ? nowMs : (dueMs ?? nowMs + limits.maxAckDelayMs)
    },
    get dueMs() {
      return dueMs
    },
    take(nowMs, credit) {
      dueMs = null
      owed = 0
      return { ranges: received.ranges(maxAckRanges), delayMs: nowMs - largestAtMs, credit }
    },
    clear() {
      dueMs = null
    },
  }
}
