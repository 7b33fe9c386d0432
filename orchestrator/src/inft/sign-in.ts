/**
 * Sign-in with a wallet (EIP-4361): a challenge of ours, the wallet's signature over a text that names domain, chain and challenge, and a
 * token for the time being, of which only the digest is kept. It says who somebody is, and not what they may do. Nothing outlives the process.
 */
import { createHash, randomBytes } from 'node:crypto'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { type Address, type Hex, type PublicClient, verifyMessage } from 'viem'
import { parseSiweMessage, validateSiweMessage } from 'viem/siwe'

export interface SignInOptions {
  /** As the page's address has it: host, and the port where it is not the usual. */
  readonly domain: string
  readonly chainId: number
  readonly clock: Clock
  /** For wallets that are contracts (ERC-1271); without it they cannot sign in. */
  readonly client?: PublicClient | undefined
  /** How long a sign-in lasts; default 12 hours. */
  readonly sessionMs?: number | undefined
}

export interface SignedIn {
  /** A secret of who signed in; sent as a bearer's. */
  readonly token: string
  readonly address: Address
  /** Milliseconds since 1970. */
  readonly endsAt: number
}

export interface SignIn {
  /** A challenge for one message, good for five minutes. @throws swarm_busy where too many are under way. */
  challenge(): string
  /** @throws peer_unauthenticated with what is wrong about the message; the challenge is used up all the same. */
  verify(message: string, signature: Hex): Promise<SignedIn>
  /** Who signed in with this token; null where nobody did, or it is over. */
  addressOf(token: string): Address | null
  signOut(token: string): void
}

const challengeMs = 300_000
const most = 10_000
const mostMessageChars = 4_000

export function createSignIn({ domain, chainId, clock, client, sessionMs = 12 * 3_600_000 }: SignInOptions): SignIn {
  const challenges = new Map<string, number>()
  const sessions = new Map<string, { readonly address: Address; readonly endsAtMs: number }>()

  const drop = (map: Map<string, unknown>, isOver: (value: never) => boolean) => {
    for (const [key, value] of map) if (isOver(value as never)) map.delete(key)
  }

  return {
    challenge() {
      const nowMs = clock.monotonicMs()
      if (challenges.size >= most) drop(challenges, (until: number) => until <= nowMs)
      if (challenges.size >= most) {
        throw new ComputePoolError('swarm_busy', `${most} sign-ins are under way.`, {
          remedy: 'Try again in a minute.',
        })
      }
      const nonce = randomBytes(16).toString('hex')
      challenges.set(nonce, nowMs + challengeMs)
      return nonce
    },

    async verify(message, signature) {
      const parsed = message.length > mostMessageChars ? {} : parseSiweMessage(message)
      const until = challenges.get(parsed.nonce ?? '')
      // Before anything is waited for: the same message cannot be tried twice.
      challenges.delete(parsed.nonce ?? '')
      if (until === undefined || clock.monotonicMs() >= until)
        throw refusal('Its challenge is not one of ours, or over.')
      const { address } = parsed
      if (!address || !validateSiweMessage({ message: parsed, domain, time: new Date(clock.wallMs()) })) {
        throw refusal(`It is not for ${domain}, or not of now.`)
      }
      if (parsed.chainId !== chainId) throw refusal(`It is for chain ${parsed.chainId}, and this is ${chainId}.`)
      const isTheirs =
        (await verifyMessage({ address, message, signature }).catch(() => false)) ||
        (await client?.verifyMessage({ address, message, signature }).catch(() => false))
      if (!isTheirs) throw refusal(`It is not signed by ${address}.`)

      if (sessions.size >= most) {
        const nowMs = clock.monotonicMs()
        drop(sessions, (session: { endsAtMs: number }) => session.endsAtMs <= nowMs)
        // The oldest has to sign in again.
        if (sessions.size >= most) sessions.delete(sessions.keys().next().value!)
      }
      const token = randomBytes(32).toString('base64url')
      const lastsMs = Math.min(
        sessionMs,
        (parsed.expirationTime?.getTime() ?? Number.POSITIVE_INFINITY) - clock.wallMs(),
      )
      sessions.set(digest(token), { address, endsAtMs: clock.monotonicMs() + lastsMs })
      return { token, address, endsAt: clock.wallMs() + lastsMs }
    },

    addressOf(token) {
      const session = sessions.get(digest(token))
      if (session && clock.monotonicMs() < session.endsAtMs) return session.address
      sessions.delete(digest(token))
      return null
    },

    signOut(token) {
      sessions.delete(digest(token))
    },
  }
}

const digest = (token: string): string => createHash('sha256').update(token).digest('hex')
const refusal = (why: string) =>
  new ComputePoolError('peer_unauthenticated', `The sign-in message is not good. ${why}`, {
    remedy: 'Ask for a challenge and sign in again, with the wallet on this chain.',
  })
