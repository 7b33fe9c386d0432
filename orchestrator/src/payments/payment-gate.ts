/**
 * The door of the paid endpoints: a session's token lets in, a voucher pays for one request, anything else is told what to pay. It is
 * asked twice: for credentials before the body is read, and for the money once the body was found good.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Hex } from 'viem'
import type { Admission } from '../api/answer-response.ts'
import { bearerOf } from '../keeper/bearer.ts'
import type { SessionRow } from '../store/ledger-tables.ts'
import { type ChallengeOptions, PaymentRefused, type PaymentTarget, settledHeaders } from './challenge.ts'
import type { Ledger } from './ledger.ts'
import type { Meter, MeteredRequest } from './meter.ts'
import type { SessionOpener } from './open-session.ts'
import { looksLikeSessionToken, type SessionTokens } from './session-token.ts'
import { parsePayment } from './voucher.ts'

export interface PaymentGateOptions {
  readonly ledger: Ledger
  readonly meter: Meter
  readonly opener: SessionOpener
  readonly tokens: SessionTokens
  readonly target: PaymentTarget
  /** The cap of a request that is paid by its own voucher. */
  readonly requestCapAtomic: bigint
  /** Throws where no whole ring is there: nobody pays for what cannot be done. */
  readonly requireRing: () => void
  readonly wallMs: () => number
  readonly onFault: (fault: unknown) => void
}

export interface PaymentGate {
  /**
   * Looks at credentials and moves nothing; what it returns takes the payment. Errors: PaymentRefused (402 with the challenge),
   * `peer_unauthenticated` for a token that is not one, `swarm_layers_missing`.
   */
  enter(request: Request): () => Promise<Admission>
  /** The session of a bearer token. Errors: `peer_unauthenticated`. */
  sessionOf(request: Request): Hex
}

type Looked = Pick<
  SessionRow,
  'id' | 'payer' | 'state' | 'closeReason' | 'capAtomic' | 'pricePerSecondAtomic' | 'settledAtomic' | 'expiresAt'
>

/** A session that ends so soon would be cut off by whoever reaps it. */
const leastLifeMs = 5000
const mostKnown = 10_000

export function createPaymentGate(options: PaymentGateOptions): PaymentGate {
  const { ledger, meter, opener, tokens, target, requestCapAtomic, requireRing, wallMs, onFault } = options

  const refused = (request: Request, message: string, error?: string): PaymentRefused => {
    const resource = resourceOf(request)
    return new PaymentRefused({
      target,
      amountAtomic: requestCapAtomic,
      resource,
      message,
      ...(error === undefined ? {} : { error }),
    })
  }

  const sessionOf = (request: Request): Hex => {
    const token = bearerOf(request.headers.get('authorization'))
    const sessionId = token === null ? null : tokens.sessionOf(token)
    if (sessionId !== null) return sessionId
    throw new ComputePoolError('peer_unauthenticated', 'This is no session token of this server.', {
      remedy: 'Open a session with POST /v1/sessions, and send its token as "Authorization: Bearer …".',
    })
  }

  /** What stays the same of sessions that were let in once: a further request of theirs waits for no database before its first token. */
  const known = new Map<string, Pick<SessionRow, 'id' | 'payer' | 'capAtomic' | 'pricePerSecondAtomic' | 'expiresAt'>>()

  const lookUp = async (sessionId: Hex): Promise<Looked | null> => {
    const fixed = known.get(sessionId)
    const now = ledger.sessionNow(sessionId)
    if (fixed === undefined || now === null) return ledger.session(sessionId)
    return { ...fixed, state: now.status, closeReason: now.closeReason, settledAtomic: now.settledAtomic }
  }

  const keep = ({ id, payer, capAtomic, pricePerSecondAtomic, expiresAt }: Looked): void => {
    if (known.has(id)) return
    if (known.size >= mostKnown) known.delete(known.keys().next().value!)
    known.set(id, { id, payer, capAtomic, pricePerSecondAtomic, expiresAt })
  }

  const admitToken = async (sessionId: Hex): Promise<Admission> => {
    const row = await lookUp(sessionId)
    if (row === null) {
      throw new ComputePoolError('payment_session_unknown', 'The session of this token is not in the ledger.', {
        remedy: 'Open a new session with POST /v1/sessions.',
      })
    }
    if (row.state === 'opening') {
      throw new ComputePoolError(
        'payment_session_opening',
        'The session is not open yet: its voucher is being settled.',
        {
          remedy: 'Ask again in a moment.',
          context: { retryAfterSeconds: 2 },
        },
      )
    }
    const isLive = (row.state === 'open' || row.state === 'streaming') && row.closeReason === null
    if (!isLive || row.expiresAt * 1000 - wallMs() < leastLifeMs) {
      const what = isLive ? 'expired' : row.state
      throw new ComputePoolError('payment_session_closed', `The session is ${what}: it takes no more requests.`, {
        remedy: 'Open a new session with POST /v1/sessions.',
      })
    }
    keep(row)
    const settledAtomic = ledger.spentNow(sessionId) ?? row.settledAtomic
    const request = meter.admit({ ...row, settledAtomic })
    return { request, sessionId, payer: row.payer.toLowerCase(), headers: {} }
  }

  const admitVoucher = async (request: Request, header: string): Promise<Admission> => {
    const payment = parsePayment(header)
    if (payment === null) throw refused(request, 'PAYMENT-SIGNATURE holds no payment.', 'invalid_payload')
    const resource = resourceOf(request)
    const order = { payment, origin: 'request', amountAtomic: requestCapAtomic, key: null, resource } as const
    const { view, settled } = await opener.open(order)
    const { id, payer, capAtomic, pricePerSecondAtomic } = view
    // Whether it ran, failed or never began: its rest goes back at once.
    const giveBack = () => ledger.wantClose(id, 'request_over').catch(onFault)
    let metered: MeteredRequest
    try {
      metered = meter.admit({ id, capAtomic, pricePerSecondAtomic, settledAtomic: 0n })
    } catch (thrown) {
      await giveBack()
      throw thrown
    }
    void metered.over.then(giveBack)
    return { request: metered, sessionId: id, payer: payer.toLowerCase(), headers: settledHeaders(settled) }
  }

  return {
    sessionOf,
    enter: request => {
      const header = request.headers.get('payment-signature')
      if (header !== null) {
        requireRing()
        return () => admitVoucher(request, header)
      }
      const token = bearerOf(request.headers.get('authorization'))
      if (token !== null && looksLikeSessionToken(token)) {
        const sessionId = sessionOf(request)
        return () => admitToken(sessionId)
      }
      requireRing()
      throw refused(
        request,
        'Answers cost money here. Open a session with POST /v1/sessions and use its token as the API key, or pay for this request by x402.',
      )
    },
  }
}

function resourceOf(request: Request): ChallengeOptions['resource'] {
  return {
    url: request.url,
    description: 'One answer of a language model, paid by the second; what is not used comes back.',
  }
}
