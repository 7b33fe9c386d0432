/** A ready coalition as requests see it. */
import type { EngineKind } from '@computepool/shared/ports'
import type { Seat } from '@computepool/shared/wire'

export interface RingSeat extends Seat {
  readonly engine: EngineKind
  readonly kvBudgetBytes: number
}

export interface Ring {
  /** The coalition's. */
  readonly id: string
  readonly epoch: number
  /** Seat 0 is the entry. */
  readonly seats: readonly RingSeat[]
  readonly maxContext: number
  /** Cache bytes of one position in one layer. */
  readonly kvBytesPerPosition: number
  /** Its entry and exit, which see text, are staked operators of good standing. Absent: not so. */
  readonly isTrusted?: boolean
  /** One token's way around the ring, as planned or as measured. */
  readonly expectedLapMs: number
}
