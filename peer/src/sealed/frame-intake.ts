/** Segments of one peer back into frames, each once however often its segments come. It knows no packets. */
import { createReceivedNumbers } from '@computepool/shared/datagram'
import { ComputePoolError } from '@computepool/shared/errors'
import { createReassembler, readFragment } from '@computepool/shared/wire'
import type { SealedLimits } from './sealed-limits.ts'

export interface FrameIntake {
  /** The frame that this segment completed, or null. Errors: `peer_frame_invalid`, `peer_frame_too_large`. */
  accept(fragment: Uint8Array, nowMs: number): Uint8Array | null
  /** The error to close the link with, where a frame's deadline has passed. */
  expire(nowMs: number): ComputePoolError | null
  readonly pendingBytes: number
  clear(): void
}

/** More gaps among finished frames than a sender may leave unfinished. */
const maxFinishedRanges = 256

export function createFrameIntake(limits: SealedLimits): FrameIntake {
  const open = () =>
    createReassembler({
      maxFrameBytes: limits.maxFrameBytes,
      maxPendingBytes: limits.maxFrameBytes + limits.maxPendingBytes,
      deadlineMs: limits.reassemblyDeadlineMs,
    })
  let reassembler = open()
  // The reassembler remembers a thousand; a segment may be sent again later than that.
  const finished = createReceivedNumbers(maxFinishedRanges)

  return {
    accept(fragment, nowMs) {
      const { frameId } = readFragment(fragment)
      if (finished.has(frameId)) return null
      const frame = reassembler.accept(fragment, nowMs)
      if (frame === null) return null
      finished.add(frameId)
      if (finished.rangeCount === maxFinishedRanges) {
        throw new ComputePoolError('peer_frame_invalid', `${maxFinishedRanges} runs of frames were left unfinished`, {
          remedy: 'Close the link and route the request over another peer.',
        })
      }
      return frame
    },
    expire: nowMs => reassembler.expire(nowMs)[0] ?? null,
    get pendingBytes() {
      return reassembler.pendingBytes
    },
    clear() {
      reassembler = open()
    },
  }
}
