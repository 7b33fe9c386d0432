/**
 * The orchestrator's end of a detached hub: signs in with the service's key, hears its peers, commands them, and comes back after a
 * break. It offers what an in-process hub offers, so that the orchestrator need not know the difference.
 */
import { errorFromData } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { type PeerId, protocolVersion } from '@computepool/shared/wire'
import { type DeskToHub, type HubToDesk, hubToDeskSchema, parseMessage } from './desk-messages.ts'
import type { Desk, SignalingHub } from './hub-ports.ts'

/** The part of a WebSocket that is used; `ws` and the browser's have it. */
export interface DeskSocket {
  send(text: string): void
  close(): void
  onopen: (() => void) | null
  onmessage: ((event: { readonly data: unknown }) => void) | null
  onclose: (() => void) | null
  onerror: (() => void) | null
}

export interface RemoteHubOptions {
  readonly openSocket: () => DeskSocket
  /** The service's address, in lower case. */
  readonly address: string
  readonly sign: (message: string) => Promise<string>
  readonly desk: Desk
  readonly clock: Clock
  /** The hub refused, or a message made no sense; the connection is tried again. */
  readonly onFault?: (fault: unknown) => void
  readonly retryMs?: number
}

export type RemoteHub = Pick<SignalingHub, 'command' | 'setCoalition' | 'peers' | 'dismiss' | 'close'>

export function connectRemoteHub(options: RemoteHubOptions): RemoteHub {
  const { address, desk, clock, onFault = () => {}, retryMs = 2000 } = options
  const peers = new Set<PeerId>()
  let socket: DeskSocket | null = null
  let isWelcome = false
  let isClosed = false
  let nonce = 0
  let cancel = (): void => {}

  const send = (message: DeskToHub): void => {
    if (isWelcome || message.type === 'hello' || message.type === 'authenticate') socket?.send(JSON.stringify(message))
  }

  function keepAlive(silenceLimitMs: number): void {
    cancel()
    cancel = clock.schedule(silenceLimitMs / 3, () => {
      nonce += 1
      send({ type: 'ping', nonce })
      keepAlive(silenceLimitMs)
    })
  }

  async function receive(from: DeskSocket, message: HubToDesk): Promise<void> {
    switch (message.type) {
      case 'challenge': {
        const signature = await options.sign(message.message)
        if (socket === from) send({ type: 'authenticate', message: message.message, signature })
        return
      }
      case 'welcome':
        isWelcome = true
        keepAlive(message.silenceLimitMs)
        return
      case 'refused':
        onFault(errorFromData(message.error))
        return
      case 'peer-connected':
        peers.add(message.peer)
        desk.peerConnected(message.peer)
        return
      case 'peer-request':
        desk.peerRequest(message.peer, message.request)
        return
      case 'peer-gone':
        if (peers.delete(message.peer)) desk.peerGone(message.peer, message.reason)
        return
    }
  }

  function breakOff(broken: DeskSocket): void {
    if (socket !== broken) return
    socket = null
    isWelcome = false
    cancel()
    // The hub dismisses its peers when the desk is away: for us they are gone now.
    for (const peer of [...peers]) {
      peers.delete(peer)
      desk.peerGone(peer, 'hub-closed')
    }
    if (!isClosed) cancel = clock.schedule(retryMs, connect)
  }

  function connect(): void {
    const opened = options.openSocket()
    socket = opened
    opened.onopen = () => send({ type: 'hello', version: protocolVersion, address })
    opened.onmessage = ({ data }) => {
      const message = parseMessage(hubToDeskSchema, String(data))
      if (message) receive(opened, message).catch(onFault)
      else onFault(new Error('The hub sent a message of an unknown shape'))
    }
    opened.onclose = () => breakOff(opened)
    // A close follows every error, and is what counts; with nobody listening, `ws` throws (a refused or given up connection).
    opened.onerror = () => {}
  }

  connect()
  return {
    command(peer, command) {
      if (peers.has(peer)) send({ type: 'command', peer, command })
      return peers.has(peer)
    },
    setCoalition: (id, members) => send({ type: 'set-coalition', id, peers: [...members] }),
    peers: () => [...peers],
    dismiss: (peer, error) =>
      send({ type: 'dismiss', peer, error: { ...error.toJSON(), context: { ...error.context } } }),
    close() {
      isClosed = true
      cancel()
      const open = socket
      if (open) {
        breakOff(open)
        open.close()
      }
    },
  }
}
