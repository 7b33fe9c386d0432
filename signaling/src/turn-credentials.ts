/**
 * Short-lived TURN credentials by coturn's REST scheme (draft-uberti-behave-turn-rest-00): the user name is `expiry:peer`, the
 * password its HMAC-SHA1 under a secret that only the TURN server and this process share.
 */
import { createHmac } from 'node:crypto'

export interface IceConfig {
  /** e.g. ["stun:stun.example.org:3478"]; may be empty on one machine or one network. */
  readonly stunUrls: readonly string[]
  /** Null where there is no TURN server. */
  readonly turn: {
    /** e.g. ["turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:5349"] */
    readonly urls: readonly string[]
    /** coturn's `static-auth-secret`. */
    readonly secret: string
    readonly lifetimeSeconds: number
  } | null
}

export interface IceServer {
  urls: string[]
  username?: string
  credential?: string
}

/** `username` and `credential` that a TURN server with `secret` accepts until `expirySeconds` (since 1970). */
export function turnCredentials(
  peer: string,
  secret: string,
  expirySeconds: number,
): { username: string; credential: string } {
  const username = `${expirySeconds}:${peer}`
  return { username, credential: createHmac('sha1', secret).update(username).digest('base64') }
}

/** What a tab gives to `RTCPeerConnection`: the configured servers, with credentials made for this peer. */
export function iceServersFor(peer: string, config: IceConfig, nowWallMs: number): IceServer[] {
  const servers: IceServer[] = []
  if (config.stunUrls.length > 0) servers.push({ urls: [...config.stunUrls] })
  if (config.turn) {
    const { urls, secret, lifetimeSeconds } = config.turn
    // Rounded up: a credential lives at least as long as was configured.
    servers.push({ urls: [...urls], ...turnCredentials(peer, secret, Math.ceil(nowWallMs / 1000) + lifetimeSeconds) })
  }
  return servers
}
