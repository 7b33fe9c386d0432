/** What a bridge shows of itself: values for a status line, a log, a test. Types only. */
import type { ErrorData } from '@computepool/shared/errors'
import type { PeerId } from '@computepool/shared/wire'

export type BridgeStatus = 'connecting' | 'waiting' | 'relaying' | 'failed' | 'left'

export interface BridgeMember {
  readonly peer: PeerId
  readonly by: 'webrtc' | 'axl'
  /** Of its link, measured; null by AXL, and before the first measurement. */
  readonly rttMs: number | null
  readonly isOpen: boolean
  /** From it to others. */
  readonly forwardedBytes: number
  readonly refusedBytes: number
}

export interface BridgeSnapshot {
  readonly status: BridgeStatus
  /** Null before the key is open. */
  readonly peer: PeerId | null
  readonly coalition: string | null
  readonly members: readonly BridgeMember[]
  /** Parcels handed to links and daemons, and those that could not be. */
  readonly sentParcels: number
  readonly lostParcels: number
  /** The latest `/send` of the daemon, in ms; null before the first and without AXL. */
  readonly axlSendMs: number | null
  /** Why it failed, or why it is not connected now. */
  readonly error: ErrorData | null
}
