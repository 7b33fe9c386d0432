/**
 * What waits to be sent to one peer: frames, cut into segments when their turn comes, and segments to be sent again. Small frames go
 * between the segments of large ones; large ones one after another. It knows neither packets nor windows.
 */
import { itemBytes } from '@computepool/shared/datagram'
import { ComputePoolError } from '@computepool/shared/errors'
import { countFragments, fragmentAt, fragmentHeaderBytes } from '@computepool/shared/wire'

/** One frame, from the first segment that is cut until its last is acknowledged. */
interface Sending {
  readonly frame: { bytes: Uint8Array | null; readonly sizeBytes: number }
  /** Given at the first cut: one that is aborted before leaves no gap among those that the receiver remembers. */
  frameId: number
  readonly count: number
  nextIndex: number
  /** Posts that have not settled. */
  posting: number
  unacked: number
  firstSentAtMs: number | null
  resolve(): void
  reject(reason: unknown): void
}

export interface Segment {
  /** Empty once it is acknowledged: packets that were lost are remembered longer than their bytes. */
  fragment: Uint8Array
  readonly sending: Sending
  /** Packets under way with it. */
  copies: number
  /** A post that carried it has settled. */
  isPosted: boolean
  isAcked: boolean
}

export interface SegmentQueue {
  /** Resolves when each segment has been posted once. `signal` is heard until the first is cut. */
  send(frame: Uint8Array, signal: AbortSignal | undefined, onQueued: () => void): Promise<void>
  /** Segments for one packet: several small ones, or one large one. Empty: nothing may go now. */
  take(nowMs: number): Segment[]
  /** A post that carried them has settled. */
  notePosted(segments: readonly Segment[]): void
  /** The whole frame's size and time of its first segment, where this was its last. */
  noteAcked(segment: Segment): { readonly sizeBytes: number; readonly firstSentAtMs: number } | null
  /** To be sent again. */
  putBack(segment: Segment): void
  readonly isEmpty: boolean
  readonly unackedBytes: number
  fail(error: ComputePoolError): void
}

export interface SegmentQueueLimits {
  readonly segmentBytes: number
  /** Frames whose last segment is not acknowledged: the receiver's memory of finished ones is bounded. */
  readonly maxUnfinished: number
}

/** A token, or a decode step of any model that fits in tabs. */
const smallBytes = 16 << 10
/** Small segments of several frames share a packet up to here. */
const sharedPacketBytes = 16 << 10
const maxSegmentsPerPacket = 32
/** Ids are never used twice: the receiver would take a new frame for an old one. */
const lastFrameId = 0xffff_ffff
const noBytes = new Uint8Array(0)

export function createSegmentQueue({ segmentBytes, maxUnfinished }: SegmentQueueLimits): SegmentQueue {
  const small: Sending[] = []
  const large: Sending[] = []
  const again: Segment[] = []
  const posting = new Set<Sending>()
  const maxBytes = segmentBytes + fragmentHeaderBytes
  let isLargesTurn = false
  let nextFrameId = 0
  let unfinished = 0
  let unackedBytes = 0
  let failure: ComputePoolError | null = null

  const queueInTurn = (): Sending[] | null => {
    const order = isLargesTurn ? [large, small] : [small, large]
    return order.find(queue => queue[0] && (queue[0].nextIndex > 0 || unfinished < maxUnfinished)) ?? null
  }

  function cut(queue: Sending[], nowMs: number): Segment {
    const sending = queue[0]!
    if (sending.nextIndex === 0) sending.frameId = nextFrameId++
    const fragment = fragmentAt(sending.frame.bytes!, sending.nextIndex, { frameId: sending.frameId, maxBytes })
    if (sending.nextIndex === 0) {
      unfinished += 1
      sending.firstSentAtMs = nowMs
      posting.add(sending)
    }
    sending.nextIndex += 1
    sending.posting += 1
    unackedBytes += fragment.length
    if (sending.nextIndex === sending.count) {
      queue.shift()
      // The caller may do with its buffer what it likes: every segment is a copy.
      sending.frame.bytes = null
    }
    isLargesTurn = queue === small
    return { fragment, sending, copies: 0, isPosted: false, isAcked: false }
  }

  return {
    send(frame, signal, onQueued) {
      return new Promise((resolve, reject) => {
        signal?.throwIfAborted()
        if (failure) throw failure
        if (nextFrameId + small.length + large.length > lastFrameId)
          throw new ComputePoolError('peer_disconnected', 'This link has used up its frame ids')
        const forget = (): void => signal?.removeEventListener('abort', abort)
        const count = countFragments(frame.length, maxBytes)
        const sending: Sending = {
          frame: { bytes: frame, sizeBytes: frame.length },
          frameId: -1,
          count,
          nextIndex: 0,
          posting: 0,
          unacked: count,
          firstSentAtMs: null,
          resolve() {
            forget()
            resolve()
          },
          reject(reason) {
            forget()
            reject(reason)
          },
        }
        const queue = frame.length <= smallBytes ? small : large
        const abort = (): void => {
          if (sending.nextIndex > 0) return
          queue.splice(queue.indexOf(sending), 1)
          sending.reject(signal?.reason)
        }
        signal?.addEventListener('abort', abort, { once: true })
        queue.push(sending)
        onQueued()
      })
    },
    take(nowMs) {
      const segments: Segment[] = []
      let takenBytes = 0
      while (segments.length < maxSegmentsPerPacket) {
        while (again[0]?.isAcked) again.shift()
        const queue = again.length > 0 ? null : queueInTurn()
        const nextBytes = again[0]?.fragment.length ?? (queue?.[0] ? sizeOfNext(queue[0], segmentBytes) : 0)
        if (nextBytes === 0 || (takenBytes > 0 && takenBytes + nextBytes > sharedPacketBytes)) break
        const segment = again.shift() ?? cut(queue!, nowMs)
        segments.push(segment)
        takenBytes += itemBytes({ type: 'segment', fragment: segment.fragment })
      }
      return segments
    },
    notePosted(segments) {
      for (const segment of segments) {
        const { sending } = segment
        if (segment.isPosted) continue
        segment.isPosted = true
        sending.posting -= 1
        if (sending.posting > 0 || sending.nextIndex < sending.count) continue
        if (posting.delete(sending)) sending.resolve()
      }
    },
    noteAcked(segment) {
      if (segment.isAcked) return null
      segment.isAcked = true
      unackedBytes -= segment.fragment.length
      segment.fragment = noBytes
      const { sending } = segment
      sending.unacked -= 1
      if (sending.unacked > 0) return null
      unfinished -= 1
      return { sizeBytes: sending.frame.sizeBytes, firstSentAtMs: sending.firstSentAtMs ?? 0 }
    },
    putBack(segment) {
      if (!segment.isAcked && !again.includes(segment)) again.push(segment)
    },
    get isEmpty() {
      return again.every(segment => segment.isAcked) && queueInTurn() === null
    },
    get unackedBytes() {
      return unackedBytes
    },
    fail(error) {
      failure ??= error
      for (const sending of new Set([...posting, ...small.splice(0), ...large.splice(0)])) sending.reject(error)
      posting.clear()
      again.length = 0
      unackedBytes = 0
    },
  }
}

const sizeOfNext = ({ frame, nextIndex }: Sending, segmentBytes: number): number =>
  Math.min(segmentBytes, frame.sizeBytes - nextIndex * segmentBytes) + fragmentHeaderBytes
