/**
 * Feeds a link's data channels: frames cut into fragments, paused while the channels' buffers are full. Small frames (a token, a decode
 * step) pass between the fragments of large ones; large ones go one after another, so that the first arrives early and the receiver
 * never holds many unfinished. It knows the channels and nothing of who is behind them.
 */
import { createThroughput } from '@computepool/shared/datagram'
import type { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { countFragments, defaultFragmentBytes, fragmentAt } from '@computepool/shared/wire'
import { createFrameLanes } from './frame-lanes.ts'
import type { LinkChannel } from './link-channel.ts'

/** Up to 18 KB: a token, or one position of any model that fits in tabs. */
const smallFragments = 4
/**
 * Small frames are cut to single packets where they are sent twice: then each packet's copy makes good for it, and not the one copy of four
 * packets for any of them. dcSCTP's packets hold 1,160 bytes, those of usrsctp in libdatachannel 1,167.
 */
const packetBytes = 1150

interface Sending {
  readonly frame: Uint8Array
  readonly frameId: number
  readonly maxBytes: number
  readonly count: number
  nextIndex: number
  resolve(): void
  reject(reason: unknown): void
}

export interface FrameSender {
  /**
   * Resolves when the frame's last byte is in the channel's buffer. `signal` is heard until the first byte is: after that the
   * frame goes on to its end, because a torn frame costs the receiver more than a whole one.
   */
  send(frame: Uint8Array, signal?: AbortSignal): Promise<void>
  /** Another connection's channel, for frames of the same link. */
  addLane(channel: LinkChannel): void
  /** A lane's path was lost, or came back. */
  setPath(lane: LinkChannel, hasPath: boolean): void
  /** When a lane last got a fragment; before all times where it never did. */
  usedAtMs(lane: LinkChannel): number
  /** A channel has opened or has room again. */
  resume(): void
  /** What the channels' buffers let go while large frames pass; null before the first. */
  readonly bytesPerSecond: number | null
  /** Rejects all that waits, and everything after it. */
  fail(error: ComputePoolError): void
}

export function createFrameSender(channel: LinkChannel, clock: Pick<Clock, 'monotonicMs'>): FrameSender {
  const throughput = createThroughput()
  const lanes = createFrameLanes(channel, clock)
  const small: Sending[] = []
  const large: Sending[] = []
  let isLargesTurn = false
  let frameId = 0
  let failure: ComputePoolError | null = null
  let handedBytes = 0
  /** From a large frame's first fragment to the next time that the buffer is low. */
  let measuring: { readonly sinceMs: number; readonly sentBytes: number } | null = null

  const sentBytes = (): number => handedBytes - lanes.bufferedBytes

  function finishMeasuring(): void {
    if (measuring === null) return
    const durationMs = clock.monotonicMs() - measuring.sinceMs
    // A buffer that empties at once says that the next one takes it, not how fast the way is.
    if (durationMs > 0) throughput.note(sentBytes() - measuring.sentBytes, durationMs)
    measuring = null
  }

  /** The next fragment's frame and channel, or null where there is none, or no room for it. */
  function next(): { readonly queue: Sending[]; readonly to: LinkChannel } | null {
    for (const queue of isLargesTurn ? [large, small] : [small, large]) {
      const sending = queue[0]
      if (!sending) continue
      const to = queue === small ? lanes.forSmall(sending.frameId, sending.nextIndex) : lanes.forLarge()
      if (to !== null) return { queue, to }
    }
    return null
  }

  function hand(sending: Sending, to: LinkChannel): void {
    const { frame, nextIndex, frameId, maxBytes } = sending
    const fragment = fragmentAt(frame, nextIndex, { frameId, maxBytes })
    handedBytes += fragment.length
    to.send(fragment)
  }

  function pump(): void {
    for (let step = next(); step !== null; step = next()) {
      const { queue, to } = step
      const sending = queue[0]!
      if (queue === large) measuring ??= { sinceMs: clock.monotonicMs(), sentBytes: sentBytes() }
      try {
        hand(sending, to)
        const copyTo = queue === small ? lanes.forCopy(to) : null
        if (copyTo !== null) hand(sending, copyTo)
      } catch (fault) {
        // The channel closed under us; its `closed` event follows and fails the rest.
        queue.shift()
        sending.reject(fault)
        return
      }
      sending.nextIndex += 1
      const isWhole = sending.nextIndex === sending.count
      // A small frame goes whole, then a large one's fragment.
      isLargesTurn = queue === small && isWhole
      if (!isWhole) continue
      queue.shift()
      sending.resolve()
    }
  }

  return {
    send(frame, signal) {
      return new Promise((resolve, reject) => {
        signal?.throwIfAborted()
        if (failure) throw failure
        const forget = (): void => signal?.removeEventListener('abort', abort)
        const isSmall = countFragments(frame.length) <= smallFragments
        const maxBytes = isSmall && lanes.canCopy ? packetBytes : defaultFragmentBytes
        const sending: Sending = {
          frame,
          frameId,
          maxBytes,
          count: countFragments(frame.length, maxBytes),
          nextIndex: 0,
          resolve() {
            forget()
            resolve()
          },
          reject(reason) {
            forget()
            reject(reason)
          },
        }
        const queue = isSmall ? small : large
        const abort = (): void => {
          if (sending.nextIndex > 0) return
          queue.splice(queue.indexOf(sending), 1)
          sending.reject(signal?.reason)
        }
        frameId = (frameId + 1) >>> 0
        signal?.addEventListener('abort', abort, { once: true })
        queue.push(sending)
        pump()
      })
    },
    addLane: lane => lanes.add(lane),
    setPath(lane, hasPath) {
      lanes.setPath(lane, hasPath)
      pump()
    },
    usedAtMs: lane => lanes.usedAtMs(lane),
    resume() {
      finishMeasuring()
      pump()
    },
    get bytesPerSecond() {
      return throughput.bytesPerSecond
    },
    fail(error) {
      failure ??= error
      for (const sending of [...small.splice(0), ...large.splice(0)]) sending.reject(error)
    },
  }
}
