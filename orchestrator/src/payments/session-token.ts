/**
 * The token of a session: its id and an HMAC of it under a secret of this orchestrator, so that it can be checked, and told again,
 * without being kept. Who has it may spend the session; it is never logged.
 */
import { createHmac } from 'node:crypto'
import type { Hex } from 'viem'
import { isSameSecret } from '../keeper/bearer.ts'

const prefix = 'cpool_'

export interface SessionTokens {
  tokenOf(sessionId: Hex): string
  /** The session that a token is for; null where the token is none of ours. */
  sessionOf(token: string): Hex | null
}

/** `secret` is 32 random bytes that survive a restart. */
export function createSessionTokens(secret: Uint8Array): SessionTokens {
  const macOf = (id: string): string => createHmac('sha256', secret).update(`session ${id}`).digest('base64url')
  return {
    tokenOf: sessionId => `${prefix}${sessionId.slice(2)}.${macOf(sessionId.toLowerCase())}`,
    sessionOf: token => {
      const match = /^cpool_([0-9a-f]{64})\.([\w-]{43})$/.exec(token)
      if (match === null) return null
      const sessionId: Hex = `0x${match[1]!}`
      return isSameSecret(match[2]!, macOf(sessionId)) ? sessionId : null
    },
  }
}

/** True where a bearer token claims to be one of ours: others (any API key) are no credentials here. */
export const looksLikeSessionToken = (token: string): boolean => token.startsWith(prefix)
