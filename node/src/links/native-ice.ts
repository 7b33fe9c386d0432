/** ICE servers as the orchestrator names them (W3C), put as node-datachannel takes them. */
import type { IceServer } from '@computepool/peer/links/index.ts'
import type { IceServer as NativeIceServer } from 'node-datachannel'

/** STUN and TURN by UDP, TCP or TLS; what is none of these is left out, as browsers leave out what they cannot use. */
export function nativeIceServers(servers: readonly IceServer[]): NativeIceServer[] {
  return servers.flatMap(server => server.urls.flatMap(url => nativeIceServer(url, server)))
}

function nativeIceServer(url: string, { username, credential }: IceServer): NativeIceServer[] {
  // stun:host:port, turn:host:port?transport=tcp (RFC 7064, RFC 7065); an IPv6 host stands in brackets.
  const match = /^(stun|turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?$/i.exec(url)
  if (!match) return []
  const [, scheme, host, port, transport] = match
  const kind = scheme?.toLowerCase()
  const hostname = host!.replace(/^\[|\]$/g, '')
  if (kind === 'stun') return [{ hostname, port: Number(port ?? 3478) }]
  if (username === undefined || credential === undefined) return []
  const isTls = kind === 'turns'
  return [
    {
      hostname,
      port: Number(port ?? (isTls ? 5349 : 3478)),
      username,
      password: credential,
      relayType: isTls ? 'TurnTls' : transport?.toLowerCase() === 'tcp' ? 'TurnTcp' : 'TurnUdp',
    },
  ]
}
