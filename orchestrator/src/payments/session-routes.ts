/**
 * `/v1/sessions`: open one with a voucher, look at it, follow it, close it, keep its receipt. Who holds the token holds the session; who
 * lost it proves the wallet that paid.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { addressSchema, atomicSchema, bigintAsString, recoverySchema } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import { type Context, Hono } from 'hono'
import type { Hex } from 'viem'
import { z } from 'zod'
import { type CallLimiter, createCallLimiter } from '../api/call-limiter.ts'
import { readJson } from '../api/read-json.ts'
import { sseHeaders } from '../api/sse.ts'
import { PaymentRefused, settledHeaders } from './challenge.ts'
import { followSession } from './follow-session.ts'
import { createFollowerCount } from './follower-count.ts'
import { idempotencyKeyOf } from './retell-keys.ts'
import type { Till } from './till.ts'
import { parsePayment, paymentIdentifierOf } from './voucher.ts'

export interface SessionRoutesOptions {
  /** Throws while the chain is being set up. */
  readonly till: () => Till
  readonly limiter: CallLimiter
  readonly addressOf: (c: Context) => string
  readonly clock: Clock
}

const bodySchema = z.looseObject({ capAtomic: atomicSchema })
const maxBodyBytes = 16 << 10
/** Pages that follow their sessions at once: over all, and of one session. */
const mostFollowers = { ofAll: 1000, ofOne: 16 }

/** Proofs of a wallet cost a look at the chain, and nobody loses tokens often. */
const recoveryLimits = { perMinute: 12, concurrent: 2 }

export function sessionRoutes({ till, limiter, addressOf, clock }: SessionRoutesOptions): Hono {
  const routes = new Hono()
  const recoveryLimiter = createCallLimiter(() => recoveryLimits, clock)
  const followers = createFollowerCount(mostFollowers)

  routes.post('/sessions', async c => {
    const end = limiter.begin(addressOf(c))
    try {
      return await openSession(till(), c.req.raw)
    } finally {
      end()
    }
  })

  routes.post('/sessions/recover', async c => {
    const end = recoveryLimiter.begin(addressOf(c))
    try {
      const parsed = recoverySchema.safeParse(await readJson(c.req.raw, maxBodyBytes))
      if (!parsed.success) {
        throw new ComputePoolError('input_invalid', 'The body is no proof of a wallet.', {
          remedy: 'Send {"payer", "issuedAt", "signature"}: see docs/money.md.',
        })
      }
      return money({ sessions: await till().recovery.recover(parsed.data) })
    } finally {
      end()
    }
  })

  routes.get('/sessions/of/:payer', async c => {
    const end = limiter.begin(addressOf(c))
    try {
      const payer = addressSchema.safeParse(c.req.param('payer'))
      if (!payer.success) {
        throw new ComputePoolError('input_invalid', 'That is no address.', { remedy: 'Give 0x and 40 hex digits.' })
      }
      const rows = await till().recovery.openOf(payer.data as Hex)
      return money({ sessions: rows.map(({ id, capAtomic, expiresAt }) => ({ id, capAtomic, expiresAt })) })
    } finally {
      end()
    }
  })

  routes.get('/sessions/current', async c => {
    const { gate, ledger } = till()
    return money(await ledger.view(gate.sessionOf(c.req.raw)))
  })

  routes.get('/sessions/current/receipt', async c => {
    const { gate, ledger } = till()
    return money(await ledger.receipt(gate.sessionOf(c.req.raw)))
  })

  routes.get('/sessions/current/events', async c => {
    const { gate, ledger, meter, clock } = till()
    const sessionId = gate.sessionOf(c.req.raw)
    const leave = followers.enter(sessionId)
    try {
      await ledger.view(sessionId)
    } catch (thrown) {
      leave()
      throw thrown
    }
    const body = followSession({ sessionId, ledger, meter, clock, onEnd: leave })
    return new Response(body, { headers: { ...sseHeaders, 'cache-control': 'private, no-cache, no-transform' } })
  })

  routes.delete('/sessions/current', async c => {
    const { gate, ledger, closeSession } = till()
    const sessionId = gate.sessionOf(c.req.raw)
    await closeSession(sessionId, 'payer')
    return money(await ledger.view(sessionId), 202)
  })
  return routes
}

async function openSession(till: Till, request: Request): Promise<Response> {
  till.requireRing()
  const parsed = bodySchema.safeParse(await readJson(request, maxBodyBytes))
  const { minCapAtomic, maxCapAtomic } = till.caps
  const capAtomic = parsed.data?.capAtomic
  if (capAtomic === undefined || capAtomic < minCapAtomic || capAtomic > maxCapAtomic) {
    const given = capAtomic === undefined ? 'no "capAtomic" that can be read' : `a cap of ${capAtomic}`
    throw new ComputePoolError('input_invalid', `The body has ${given}.`, {
      remedy: `Send {"capAtomic": "…"}: millionths of a USDC, from ${minCapAtomic} to ${maxCapAtomic}.`,
      context: { param: 'capAtomic' },
    })
  }
  const resource = { url: request.url, description: 'A session of paid answers; what is not used comes back.' }
  const challenge = { target: till.target, amountAtomic: capAtomic, resource }
  const header = request.headers.get('payment-signature')
  if (header === null) {
    const message = 'Sign the payment in PAYMENT-REQUIRED and send the same request with PAYMENT-SIGNATURE.'
    throw new PaymentRefused({ ...challenge, message })
  }
  const payment = parsePayment(header)
  if (payment === null) {
    const message = 'PAYMENT-SIGNATURE holds no x402 payment of version 2 that this server understands.'
    throw new PaymentRefused({ ...challenge, error: 'invalid_payload', message })
  }
  const key = idempotencyKeyOf(request) ?? paymentIdentifierOf(payment)
  const { view, settled, isNew } = await till.opener.open({
    payment,
    origin: 'session',
    amountAtomic: capAtomic,
    key,
    resource,
  })
  const body = { session: view, token: till.tokens.tokenOf(payment.sessionId) }
  return money(body, isNew ? 201 : 200, settledHeaders(settled))
}

/** JSON with amounts as decimal strings; never kept by a cache. */
export function money(body: object, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body, bigintAsString), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'private, no-store', ...headers },
  })
}
