/**
 * A door in front of an orchestrator that puts an emulated distance between whoever comes in by it: all passes as it is, but for the signals,
 * in which the network's addresses stand in place of the peers' own. So whole processes and browsers are led through it, unchanged.
 */
import { once } from 'node:events'
import { request as ask, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hubRequestSchema, type PeerId } from '@computepool/shared/wire'
import { WebSocket, WebSocketServer } from 'ws'
import type { ImpairedNetwork } from './impaired-network.ts'

export interface ImpairedHub {
  /** What peers are given in place of the orchestrator's. */
  readonly url: string
  /** Who has come in, in this order. */
  readonly peers: readonly PeerId[]
  close(): Promise<void>
}

export async function openImpairedHub({
  url,
  network,
}: {
  /** The orchestrator's. */
  readonly url: string
  readonly network: ImpairedNetwork
}): Promise<ImpairedHub> {
  const peers: PeerId[] = []
  const sockets = new WebSocketServer({ noServer: true })
  const server = createServer((request, response) => passOn(url, request, response))
  server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, outer => {
      const inner = new WebSocket(new URL(request.url ?? '/', url).href.replace(/^http/, 'ws'))
      joinSockets(outer, inner, { network, onPeer: peer => peers.includes(peer) || peers.push(peer) })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    peers,
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      await new Promise(done => server.close(done))
    },
  }
}

function passOn(url: string, request: IncomingMessage, response: ServerResponse): void {
  const { method, headers } = request
  const onward = ask(new URL(request.url ?? '/', url), { method, headers }, answer => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  response.on('close', () => onward.destroy())
  request.pipe(onward)
}

function joinSockets(
  outer: WebSocket,
  inner: WebSocket,
  { network, onPeer }: { readonly network: ImpairedNetwork; readonly onPeer: (peer: PeerId) => void },
): void {
  const waiting: string[] = []
  let self: PeerId | null = null
  const passIn = (text: string): void => {
    if (inner.readyState === WebSocket.OPEN) inner.send(text)
    else if (inner.readyState === WebSocket.CONNECTING) waiting.push(text)
  }
  inner.on('open', () => {
    for (const text of waiting.splice(0)) inner.send(text)
  })
  outer.on('message', data => {
    const text = String(data)
    const message = hubRequestSchema.safeParse(JSON.parse(text)).data
    if (message?.type === 'hello') {
      self = message.peer
      onPeer(self)
    }
    if (message?.type !== 'signal' || self === null) passIn(text)
    else network.carry(self, message.to, message.signal, signal => passIn(JSON.stringify({ ...message, signal })))
  })
  inner.on('message', data => {
    if (outer.readyState === WebSocket.OPEN) outer.send(String(data))
  })
  outer.on('close', () => inner.close())
  inner.on('close', () => outer.close())
  for (const socket of [outer, inner]) socket.on('error', () => {})
}
