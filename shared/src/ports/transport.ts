/** The transport port: whole frames between peers. It knows no tensors and no requests; a frame is bytes. */
import type { ErrorData } from '../errors/index.ts'

export type LinkKind = 'loopback' | 'webrtc' | 'axl' | 'relay'

export interface LinkFacts {
  readonly peer: string
  readonly kind: LinkKind
  readonly isOpen: boolean
  /** Measured; null before the first measurement. */
  readonly rttMs: number | null
  /** Of frames of 32 KiB and more, measured; null before the first. */
  readonly bytesPerSecond: number | null
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly sentFrames: number
  readonly receivedFrames: number
}

export type LinkEvent =
  | { readonly type: 'link-opened'; readonly peer: string }
  | { readonly type: 'link-measured'; readonly peer: string; readonly rttMs: number }
  | { readonly type: 'link-closed'; readonly peer: string; readonly error: ErrorData }

/**
 * Frames arrive whole, once, and possibly out of order. Errors: `peer_disconnected`, `peer_timed_out`, `peer_frame_too_large`,
 * `peer_unreachable`.
 */
export interface Transport {
  /** Resolves only when *all* bytes were handed to the network, else rejects; waits while the link is full (back-pressure). */
  send(peer: string, frame: Uint8Array, signal?: AbortSignal): Promise<void>
  onFrame(handler: (peer: string, frame: Uint8Array) => void): () => void
  onLink(handler: (event: LinkEvent) => void): () => void
  links(): readonly LinkFacts[]
  close(): Promise<void>
}
