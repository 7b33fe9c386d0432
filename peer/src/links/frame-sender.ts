/**
 * Feeds one data channel: frames cut into fragments, paused while the channel's buffer is full. Small frames (a token, a decode
 * step) pass between the fragments of large ones; large ones go one after another, so that the first arrives early and the receiver
 * never holds many unfinished. It knows the channel and nothing of who is behind it.
 */
import { createThroughput } from '@computepool/shared/datagram'
import type { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { countFragments, fragmentAt } from '@computepool/shared/wire'
import { highWaterBytes, type LinkChannel } from './link-channel.ts'

/** Up to 18 KB: a token, or one position of any model that fits in tabs. */
const smallFragments = 4

interface Sending {
  readonly frame: Uint8Array
  readonly frameId: number
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
  /** The channel has opened or has room again. */
  resume(): void
  /** What the channel's buffer lets go while large frames pass; null before the first. */
  readonly bytesPerSecond: number | null
  /** Rejects all that waits, and everything after it. */
  fail(error: ComputePoolError): void
}

export function createFrameSender(channel: LinkChannel, clock: Pick<Clock, 'monotonicMs'>): FrameSender {
  const throughput = createThroughput()
  const small: Sending[] = []
  const large: Sending[] = []
  let isLargesTurn = false
  let frameId = 0
  let failure: ComputePoolError | null = null
  let handedBytes = 0
  /** From a large frame's first fragment to the next time that the buffer is low. */
  let measuring: { readonly sinceMs: number; readonly sentBytes: number } | null = null

  const sentBytes = (): number => handedBytes - channel.bufferedBytes

  function finishMeasuring(): void {
    if (measuring === null) return
    const durationMs = clock.monotonicMs() - measuring.sinceMs
    // A buffer that empties at once says that the next one takes it, not how fast the way is.
    if (durationMs > 0) throughput.note(sentBytes() - measuring.sentBytes, durationMs)
    measuring = null
  }

  function pump(): void {
    while (channel.isOpen && channel.bufferedBytes < highWaterBytes) {
      const queue = small.length > 0 && (!isLargesTurn || large.length === 0) ? small : large
      const sending = queue[0]
      if (!sending) return
      if (queue === large) measuring ??= { sinceMs: clock.monotonicMs(), sentBytes: sentBytes() }
      try {
        const fragment = fragmentAt(sending.frame, sending.nextIndex, { frameId: sending.frameId })
        handedBytes += fragment.length
        channel.send(fragment)
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
        const sending: Sending = {
          frame,
          frameId,
          count: countFragments(frame.length),
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
        const queue = sending.count <= smallFragments ? small : large
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
