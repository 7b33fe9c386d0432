/** One data channel as a link uses it: a real RTCDataChannel, or a stand-in that reaches one on the page's thread. Types only. */

export interface ChannelHandlers {
  opened(): void
  received(data: unknown): void
  /** `bufferedBytes` has fallen to the low mark. */
  drained(): void
  closed(): void
}

export interface LinkChannel {
  readonly isOpen: boolean
  /** Handed over and not yet sent. */
  readonly bufferedBytes: number
  /** Throws where the channel is not open. `data` may be taken over: do not use it afterwards. */
  send(data: string | Uint8Array<ArrayBuffer>): void
  /** Sets the handlers, once; what happened before is told then. */
  listen(handlers: ChannelHandlers): void
}

/** Bytes in a channel's buffer at which sending pauses, and at which it resumes: 5 ms and 1 ms at 200 Mbit/s. */
export const highWaterBytes = 128 << 10
export const lowWaterBytes = 32 << 10
