/** Joins the hub to real WebSockets on an HTTP server. It knows sockets and origins; what the messages mean is the hub's. */
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { defaultHubLimits } from './hub-limits.ts'
import type { HubLink, SignalingHub } from './hub-ports.ts'

export interface AttachOptions {
  /** Default "/signal". */
  readonly path?: string
  readonly maxPayloadBytes?: number
  /** Origins that may connect; null allows any (a headless peer sends none). A browser always tells its origin. */
  readonly allowedOrigins?: readonly string[] | null
  /** Take the client's address from X-Forwarded-For: only behind a proxy that sets it. */
  readonly isProxyTrusted?: boolean
  /** A socket whose unsent bytes exceed this is closed: its peer does not read. */
  readonly maxUnsentBytes?: number
}

export interface AttachedSignaling {
  /** Closes the hub's sockets and detaches from the HTTP server, which stays open. Idempotent. */
  close(): Promise<void>
}

/** Paths that this module serves, by server: a path that nobody serves is answered, not left hanging. */
const servedPaths = new WeakMap<Server, Set<string>>()

/** Serves `hub` on `server`; upgrade requests for paths of others are left to them. */
export function attachSignaling(
  server: Server,
  hub: Pick<SignalingHub, 'accept' | 'close'>,
  options: AttachOptions = {},
): AttachedSignaling {
  const { path = '/signal', maxPayloadBytes = defaultHubLimits.maxMessageBytes, allowedOrigins = null } = options
  const { isProxyTrusted = false, maxUnsentBytes = 16 << 20 } = options
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxPayloadBytes, perMessageDeflate: false })

  const paths = servedPaths.get(server) ?? new Set()
  servedPaths.set(server, paths.add(path))

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const pathname = request.url?.split('?')[0] ?? '/'
    if (pathname !== path) {
      const hasOthers = server.listenerCount('upgrade') > paths.size
      if (!hasOthers && !paths.has(pathname) && !socket.writableEnded) turnAway(socket, '404 Not Found')
      return
    }
    const { origin } = request.headers
    if (allowedOrigins && origin !== undefined && !allowedOrigins.includes(origin)) {
      turnAway(socket, '403 Forbidden')
      return
    }
    sockets.handleUpgrade(request, socket, head, webSocket => {
      hub.accept(linkOf(webSocket, remoteAddressOf(request, isProxyTrusted), maxUnsentBytes))
    })
  }
  server.on('upgrade', upgrade)

  let closing: Promise<void> | null = null
  return {
    close() {
      closing ??= new Promise(resolve => {
        server.off('upgrade', upgrade)
        paths.delete(path)
        hub.close()
        for (const socket of sockets.clients) socket.terminate()
        sockets.close(() => resolve())
      })
      return closing
    },
  }
}

function turnAway(socket: Duplex, status: string): void {
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function linkOf(socket: WebSocket, remoteAddress: string, maxUnsentBytes: number): HubLink {
  // An oversize message makes ws close the socket with 1009 by itself; without a listener its error would end the process.
  socket.on('error', () => {})
  return {
    remoteAddress,
    send(text) {
      if (socket.readyState !== socket.OPEN) return
      if (socket.bufferedAmount > maxUnsentBytes) socket.terminate()
      else socket.send(text)
    },
    close: (code, reason) => socket.close(code, reason.slice(0, 120)),
    onMessage: handler =>
      socket.on('message', (data, isBinary) => {
        if (isBinary) socket.close(1003, 'text only')
        else handler(data.toString())
      }),
    onClose: handler => socket.on('close', () => handler()),
  }
}

function remoteAddressOf(request: IncomingMessage, isProxyTrusted: boolean): string {
  const forwarded = isProxyTrusted ? request.headers['x-forwarded-for'] : undefined
  // The last entry is the one that our own proxy wrote.
  const last = (Array.isArray(forwarded) ? forwarded.join(',') : forwarded)?.split(',').at(-1)?.trim()
  return last || request.socket.remoteAddress || 'unknown'
}
