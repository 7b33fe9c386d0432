/** Finds a pool by its address: what it serves, what that costs, whether it is ready; and opens sessions there. */
import type { Hex } from 'viem'
import { z } from 'zod'
import { askJson, refusalOf, send } from './ask-pool.ts'
import { type OpenOptions, payForSession } from './open-session.ts'
import type { Payer } from './payer.ts'
import type { CallOptions, Fetch, PoolDoor } from './pool-door.ts'
import { PoolError } from './pool-error.ts'
import { type ExpectedContracts, type PoolTerms, readTerms } from './pool-terms.ts'
import { recoverSessions } from './recover-sessions.ts'
import { holdSession, type Session } from './session.ts'
import { type Person, signIn } from './sign-in.ts'

export interface FindOptions extends CallOptions {
  /** What you know of the pool beforehand; where it says otherwise nothing is paid. */
  readonly expect?: ExpectedContracts
  /** Default: the global one. */
  readonly fetch?: Fetch
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface PoolStatus {
  readonly status: 'waiting' | 'forming' | 'ready' | (string & {})
  /** In words: what is missing, or what happens next. */
  readonly explanation: string
  readonly peers: number
  readonly activeRequests: number
  readonly queuedRequests: number
  readonly tokensPerSecond: number | null
}

export interface Pool {
  /** Origin, without a slash at its end. */
  readonly url: string
  readonly model: string
  readonly contextTokens: number
  /** As they were when the pool was found. */
  readonly terms: PoolTerms
  status(options?: CallOptions): Promise<PoolStatus>
  /**
   * Pays one x402 voucher over `cap` and opens a session. Errors: `payment`, `ring_gone` (nobody pays for what cannot be done), `chain`,
   * `unreachable`. Default time-out: 3 minutes.
   */
  openSession(options?: OpenOptions): Promise<Session>
  /** Takes up a session by its token. */
  resumeSession(token: string, options?: CallOptions): Promise<Session>
  /** The open sessions of an account whose tokens were lost, newest first: one signature, and nothing is paid. */
  recoverSessions(account: Payer, options?: CallOptions): Promise<Session[]>
  /** A private pool as this person may use it, for some hours: one signature, and nothing is paid. Errors: `not_allowed`. */
  signIn(person: Person, options?: CallOptions): Promise<Pool>
  /** Test money, where `terms.hasFaucet`. */
  askFaucet(address: Hex, options?: CallOptions): Promise<void>
}

const modelsSchema = z.object({
  data: z.array(z.object({ id: z.string(), context_window: z.number().int().catch(0) })).min(1),
})

const statusSchema = z.object({
  status: z.string(),
  explanation: z.string(),
  seats: z.array(z.unknown()),
  activeRequests: z.number(),
  queuedRequests: z.number(),
  tokensPerSecond: z.number().nullable(),
})

/** `url`: of a pool. Errors: `unreachable`, `not_understood`, `refused` for what is no URL. */
export async function findPool(url: string, options: FindOptions = {}): Promise<Pool> {
  const { expect, fetch: given, headers = {}, ...call } = options
  // A method of the window: it must not be called as one of the door.
  const door: PoolDoor = { origin: originOf(url), fetch: given ?? ((to, init) => fetch(to, init)), headers }
  const [models, terms] = await Promise.all([
    askJson(door, '/v1/models', modelsSchema, call),
    readTerms(door, expect, call),
  ])
  const { id: model, context_window: contextTokens } = models.data[0]!
  return poolAt({ door, model, contextTokens, terms, expect })
}

interface FoundPool {
  readonly door: PoolDoor
  readonly model: string
  readonly contextTokens: number
  readonly terms: PoolTerms
  readonly expect: ExpectedContracts | undefined
}

function poolAt(found: FoundPool): Pool {
  const { door, model, contextTokens, terms, expect } = found
  return {
    url: door.origin,
    model,
    contextTokens,
    terms,
    status: async options => {
      const told = await askJson(door, '/api/pool', statusSchema, options)
      const { status, explanation, seats, activeRequests, queuedRequests, tokensPerSecond } = told
      return { status, explanation, peers: seats.length, activeRequests, queuedRequests, tokensPerSecond }
    },
    openSession: async (asked = {}) => {
      if (terms.mode === 'free') return holdSession({ door, model, id: null, capAtomic: 0n, token: null })
      const now = await readTerms(door, expect, asked)
      if (now.mode === 'free') return holdSession({ door, model, id: null, capAtomic: 0n, token: null })
      return payForSession({ door, model, terms: now, shown: terms, asked })
    },
    resumeSession: async (token, asked) => {
      const held = holdSession({ door, model, id: null, capAtomic: 0n, token })
      const view = await held.view(asked)
      return holdSession({ door, model, id: view!.id, capAtomic: view!.capAtomic, token })
    },
    recoverSessions: async (account, asked) =>
      terms.mode === 'free' ? [] : recoverSessions({ door, model, terms, account, asked }),
    signIn: async (person, asked) => poolAt({ ...found, door: await signIn(door, person, asked) }),
    askFaucet: async (address, asked = {}) => {
      const body = JSON.stringify({ address })
      const response = await send(door, '/api/faucet', { method: 'POST', headers: json, body, ...asked })
      if (!response.ok) throw await refusalOf(response)
      await response.body?.cancel()
    },
  }
}

const json = { 'content-type': 'application/json' }

function originOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed !== null && /^https?:$/.test(parsed.protocol)) return parsed.origin
  throw new PoolError({
    kind: 'refused',
    code: 'sdk_url_invalid',
    message: `${JSON.stringify(url.slice(0, 200))} is no address of a pool.`,
    remedy: 'Give one like https://pool.example.org.',
  })
}
