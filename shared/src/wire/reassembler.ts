/**
 * Puts fragments of one direction of one link back together, in any order, duplicates welcome, within caps on bytes, frames and
 * time. Time arrives with the event. It knows nothing of what a frame holds.
 */
import { ComputePoolError } from '../errors/index.ts'
import { invalidFragment, readFragment } from './fragment.ts'

export interface ReassemblerLimits {
  /** Largest frame; 66 MiB unless told (the largest payload and header). */
  readonly maxFrameBytes?: number
  /** Bytes of all unfinished frames of this peer together, as announced; 128 MiB unless told. */
  readonly maxPendingBytes?: number
  readonly maxPendingFrames?: number
  /** From a frame's first fragment to its last; 30 s unless told. */
  readonly deadlineMs?: number
}

export interface Reassembler {
  /**
   * Takes one fragment; answers the frame it completed, or null. A frame of one fragment is a view of it, nothing is copied.
   * Errors: `peer_frame_invalid`, `peer_frame_too_large`; the state is as before the call.
   */
  accept(fragment: Uint8Array, nowMs: number): Uint8Array | null
  /** Drops the frames whose deadline has passed, and tells each as `peer_timed_out`. */
  expire(nowMs: number): readonly ComputePoolError[]
  /** When `expire` has something to do, or null. */
  readonly nextDeadlineMs: number | null
  readonly pendingFrames: number
  readonly pendingBytes: number
}

interface Pending {
  readonly bytes: Uint8Array
  readonly chunkBytes: number
  readonly count: number
  readonly deadlineMs: number
  readonly seen: Uint8Array
  received: number
}

/**
 * How many finished frame ids are remembered, to drop their late duplicates: 40 s of 200 small frames a second. A copy that was lost on
 * another connection is sent again by a timer of seconds.
 */
const remembered = 8192

export function createReassembler(limits: ReassemblerLimits = {}): Reassembler {
  const { maxFrameBytes = 66 << 20, maxPendingBytes = 128 << 20, maxPendingFrames = 256, deadlineMs = 30_000 } = limits
  const pending = new Map<number, Pending>()
  const finished = new Set<number>()
  let pendingBytes = 0

  const finish = (frameId: number): void => {
    finished.add(frameId)
    // A Set keeps insertion order: its first entry is the oldest.
    if (finished.size > remembered) for (const oldest of finished) return void finished.delete(oldest)
  }
  const drop = (frameId: number, frame: Pending): void => {
    pending.delete(frameId)
    pendingBytes -= frame.bytes.length
    finish(frameId)
  }
  const open = (frameBytes: number, chunkBytes: number, nowMs: number): Pending => {
    if (pendingBytes + frameBytes > maxPendingBytes || pending.size >= maxPendingFrames) {
      throw new ComputePoolError(
        'peer_frame_too_large',
        `A peer has ${pending.size} unfinished frames of ${pendingBytes} bytes and begins one of ${frameBytes}; the limits are ${maxPendingFrames} frames and ${maxPendingBytes} bytes`,
        { remedy: 'Close the link.', context: { sizeBytes: pendingBytes + frameBytes, limitBytes: maxPendingBytes } },
      )
    }
    pendingBytes += frameBytes
    const count = Math.ceil(frameBytes / chunkBytes)
    const seen = new Uint8Array(Math.ceil(count / 8))
    return { bytes: new Uint8Array(frameBytes), chunkBytes, count, deadlineMs: nowMs + deadlineMs, seen, received: 0 }
  }

  return {
    accept(fragment, nowMs) {
      const { frameId, frameBytes, chunkBytes, index, count, position, chunk } = readFragment(fragment)
      if (frameBytes > maxFrameBytes) {
        throw new ComputePoolError(
          'peer_frame_too_large',
          `A frame of ${frameBytes} bytes was announced, the limit is ${maxFrameBytes}`,
          {
            remedy: 'Send smaller chunks.',
            context: { sizeBytes: frameBytes, limitBytes: maxFrameBytes },
          },
        )
      }
      if (finished.has(frameId)) return null
      let frame = pending.get(frameId)
      if (!frame && count === 1) {
        finish(frameId)
        return chunk
      }
      if (frame && (frame.bytes.length !== frameBytes || frame.chunkBytes !== chunkBytes)) {
        throw invalidFragment(
          `frame ${frameId} was announced with ${frame.bytes.length} bytes in chunks of ${frame.chunkBytes}, now ${frameBytes} in chunks of ${chunkBytes}`,
        )
      }
      if (!frame) {
        frame = open(frameBytes, chunkBytes, nowMs)
        pending.set(frameId, frame)
      }
      const bit = 1 << (index & 7)
      const byte = frame.seen[index >> 3] ?? 0
      if (byte & bit) return null
      frame.seen[index >> 3] = byte | bit
      frame.bytes.set(chunk, position)
      frame.received += 1
      if (frame.received < count) return null
      drop(frameId, frame)
      return frame.bytes
    },
    expire(nowMs) {
      const errors: ComputePoolError[] = []
      for (const [frameId, frame] of pending) {
        if (frame.deadlineMs > nowMs) continue
        drop(frameId, frame)
        errors.push(
          new ComputePoolError(
            'peer_timed_out',
            `Frame ${frameId} had ${frame.received} of ${frame.count} fragments after ${deadlineMs} ms`,
            {
              remedy: 'Route the request over another peer.',
              context: { frameId, received: frame.received, count: frame.count, deadlineMs },
            },
          ),
        )
      }
      return errors
    },
    get nextDeadlineMs() {
      // Deadlines are one span after arrival, and a Map keeps insertion order: the first is the earliest.
      for (const frame of pending.values()) return frame.deadlineMs
      return null
    },
    get pendingFrames() {
      return pending.size
    },
    get pendingBytes() {
      return pendingBytes
    },
  }
}
