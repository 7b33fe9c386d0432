/** A data channel of node-datachannel as a link uses it. It knows no peers and no frames. */
import { type ChannelHandlers, type LinkChannel, lowWaterBytes } from '@computepool/peer/links/link-channel.ts'
import type { DataChannel } from 'node-datachannel'

export function wrapNativeChannel(channel: DataChannel): LinkChannel {
  // Told by events and not asked of the channel: one that the library has freed throws when it is asked.
  let state: 'connecting' | 'open' | 'closed' = 'connecting'
  let handlers: ChannelHandlers | null = null

  channel.setBufferedAmountLowThreshold(lowWaterBytes)
  channel.onOpen(() => {
    state = 'open'
    handlers?.opened()
  })
  channel.onClosed(() => {
    state = 'closed'
    handlers?.closed()
  })
  channel.onMessage(data => handlers?.received(typeof data === 'string' ? data : wholeBuffer(data)))
  channel.onBufferedAmountLow(() => handlers?.drained())
  return {
    get isOpen() {
      return state === 'open'
    },
    get bufferedBytes() {
      return state === 'open' ? channel.bufferedAmount() : 0
    },
    send(data) {
      if (state !== 'open') throw new DOMException('The channel is not open', 'InvalidStateError')
      // False means that it was buffered, not that it was lost.
      if (typeof data === 'string') channel.sendMessage(data)
      else channel.sendMessageBinary(data)
    },
    listen(given) {
      handlers = given
      if (state === 'open') handlers.opened()
      else if (state === 'closed') handlers.closed()
    },
  }
}

function wholeBuffer(data: Buffer | ArrayBuffer): ArrayBuffer {
  if (data instanceof ArrayBuffer) return data
  const { buffer, byteOffset, byteLength } = data
  const isWhole = buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength
  return isWhole ? buffer : new Uint8Array(data).buffer
}
