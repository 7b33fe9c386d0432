/** The control connection of a headless peer, by `ws`: Node 20 has no WebSocket client of its own. It knows no message. */
import type { SocketLike } from '@computepool/peer/runtime/hub-client.ts'
import { WebSocket } from 'ws'

/** Control messages are small; an assignment of 64 seats is under 64 KiB. */
const maxMessageBytes = 4 << 20

/** To `/signal` of the orchestrator at `url` (http or https). */
export function openSocket(url: string): SocketLike {
  const socket = new WebSocket(new URL('/signal', url).href.replace(/^http/, 'ws'), {
    maxPayload: maxMessageBytes,
    handshakeTimeout: 15_000,
  })
  const like: SocketLike = {
    onopen: null,
    onmessage: null,
    onclose: null,
    send(text) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text)
    },
    close: () => socket.close(),
  }
  socket.on('open', () => like.onopen?.())
  socket.on('message', data => like.onmessage?.({ data: String(data) }))
  socket.on('close', () => like.onclose?.())
  // Every error is followed by a close, which is what the hub client acts on.
  socket.on('error', () => {})
  return like
}
