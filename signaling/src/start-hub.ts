/** Wires a detached hub: HTTP server, tabs' sockets, desk's socket. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock, Entropy } from '@computepool/shared/ports'
import { attachSignaling } from './attach-signaling.ts'
import type { SignalingHub } from './hub-ports.ts'
import { serveRemoteDesk } from './serve-remote-desk.ts'
import { createSignalingHub } from './signaling-hub.ts'
import { verifySignature } from './verify-signature.ts'

/** A job of a million prompt tokens, as JSON, with room to spare. */
const maxDeskMessageBytes = 16 << 20

export interface StartHubOptions {
  readonly port: number
  readonly host: string
  /** Origin of the page whose tabs join. */
  readonly publicUrl: string
  /** Addresses that may be the desk, in lower case. */
  readonly deskAddresses: readonly string[]
  readonly isProxyTrusted?: boolean
  readonly clock: Clock
  readonly entropy: Entropy
  readonly onFault?: (fault: unknown) => void
}

/** Serves until closed. */
export async function startHub(options: StartHubOptions): Promise<{ readonly port: number; close(): Promise<void> }> {
  const { clock, entropy, isProxyTrusted = false, onFault = () => {} } = options
  const { host, origin } = new URL(options.publicUrl)
  const domain = { domain: host, uri: origin, chainId: 1 }
  const hub: SignalingHub = createSignalingHub({
    clock,
    entropy,
    domain,
    verifySignature,
    onFault,
    desk: {
      peerConnected: peer => remote.desk.peerConnected(peer),
      peerRequest: (peer, request) => remote.desk.peerRequest(peer, request),
      peerGone: (peer, reason) => remote.desk.peerGone(peer, reason),
    },
  })
  const remote = serveRemoteDesk({
    clock,
    entropy,
    domain,
    verifySignature,
    allowedAddresses: options.deskAddresses,
    hub: () => hub,
  })
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' }).end('ComputePool signaling\n')
  })
  const tabs = attachSignaling(server, hub, { path: '/signal', isProxyTrusted })
  const desks = attachSignaling(server, remote, { path: '/desk', isProxyTrusted, maxPayloadBytes: maxDeskMessageBytes })
  server.listen(options.port, options.host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      await tabs.close()
      await desks.close()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
