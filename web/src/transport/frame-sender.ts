/**
 * Feeds one data channel: frames cut into fragments, taken in turns so that a token never waits behind a prompt, and paused while
 * the channel's buffer is full. It knows the channel and nothing of who is behind it.
 */
import type { ComputePoolError } from '@computepool/shared/errors'
import { countFragments, fragmentAt } from '@computepool/shared/wire'
import { highWaterBytes, type LinkChannel } from './link-channel.ts'

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
  /** Rejects all that waits, and everything after it. */
  fail(error: ComputePoolError): void
}

export function createFrameSender(channel: LinkChannel): FrameSender {
  const turns: Sending[] = []
  let frameId = 0
  let failure: ComputePoolError | null = null

  function pump(): void {
    while (channel.isOpen && channel.bufferedBytes < highWaterBytes) {
      const sending = turns.shift()
      if (!sending) return
      const { frame, frameId: id, count, nextIndex } = sending
      try {
        channel.send(fragmentAt(frame, nextIndex, { frameId: id }))
      } catch (fault) {
        // The channel closed under us; its `closed` event follows and fails the rest.
        sending.reject(fault)
        return
      }
      sending.nextIndex += 1
      if (sending.nextIndex === count) sending.resolve()
      else turns.push(sending)
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
        const abort = (): void => {
          if (sending.nextIndex > 0) return
          turns.splice(turns.indexOf(sending), 1)
          sending.reject(signal?.reason)
        }
        frameId = (frameId + 1) >>> 0
        signal?.addEventListener('abort', abort, { once: true })
        turns.push(sending)
        pump()
      })
    },
    resume: pump,
    fail(error) {
      failure ??= error
      for (const sending of turns.splice(0)) sending.reject(error)
    },
  }
}
