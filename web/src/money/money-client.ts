/**
 * The money routes of this origin as functions: terms, opening, following and ending a session, the faucet, an operator's earnings.
 * It parses at the door; it keeps nothing and signs nothing.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type Earnings,
  earningsSchema,
  type MoneyTerms,
  moneyTermsSchema,
  type OpenedSession,
  openedSessionSchema,
  type PayerSessions,
  payerSessionsSchema,
  type Receipt,
  type Recovered,
  type Recovery,
  receiptSchema,
  recoveredSchema,
  type SessionView,
  sessionViewSchema,
} from '@computepool/shared/money'
import { type ZerogEarnings, zerogEarningsSchema } from '@computepool/shared/zerog-compute'
import { createParser } from 'eventsource-parser'
import { type FetchLike, readJson, refusalOf, send, unreadable } from './api-door.ts'
import type { SignedVoucher } from './payment-voucher.ts'

export interface MoneyClient {
  terms(): Promise<MoneyTerms>
  /** The PAYMENT-REQUIRED header of a session with this cap, as it came. */
  challenge(capAtomic: bigint): Promise<string>
  /** Pays. The same voucher again, with the same key, tells the same session: safe to repeat. */
  open(voucher: SignedVoucher): Promise<OpenedSession>
  /** The payer's sessions that still take requests, as everybody may know them. */
  sessionsOf(payer: string): Promise<PayerSessions['sessions']>
  /** The same with their tokens, for who proves the wallet. */
  recover(proof: Recovery): Promise<Recovered['sessions']>
  /** Views of the session as they change; ends when the server ends the stream. */
  events(token: string, signal: AbortSignal): AsyncIterable<SessionView>
  /** Stops what runs and asks for the refund. */
  close(token: string): Promise<SessionView>
  receipt(token: string): Promise<Receipt>
  /** Test money and gas, on an embedded chain. */
  askFaucet(address: string): Promise<void>
  earnings(operator: string): Promise<Earnings>
  /** Null where the pool is no provider of 0G Compute. */
  zerogEarnings(operator: string): Promise<ZerogEarnings | null>
}

const current = '/v1/sessions/current'

export function createMoneyClient(fetchImpl: FetchLike = (path, init) => fetch(path, init)): MoneyClient {
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const openWith = (capAtomic: bigint, headers: Record<string, string>) =>
    send(fetchImpl, '/v1/sessions', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ capAtomic: capAtomic.toString() }),
    })
  return {
    terms: async () => readJson(await send(fetchImpl, '/api/money'), moneyTermsSchema),
    async challenge(capAtomic) {
      const response = await openWith(capAtomic, {})
      const header = response.headers.get('payment-required')
      if (response.status === 402 && header !== null) {
        await response.body?.cancel()
        return header
      }
      if (!response.ok) throw await refusalOf(response)
      throw new ComputePoolError('payment_challenge_invalid', `The server asked for no payment (${response.status}).`, {
        remedy: 'Nothing was signed. Reload the page.',
      })
    },
    async open({ capAtomic, header, idempotencyKey }) {
      const headers = { 'payment-signature': header, 'idempotency-key': idempotencyKey }
      return readJson(await openWith(capAtomic, headers), openedSessionSchema)
    },
    sessionsOf: async payer =>
      (await readJson(await send(fetchImpl, `/v1/sessions/of/${encodeURIComponent(payer)}`), payerSessionsSchema))
        .sessions,
    async recover(proof) {
      const response = await send(fetchImpl, '/v1/sessions/recover', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(proof),
      })
      return (await readJson(response, recoveredSchema)).sessions
    },
    async *events(token, signal) {
      const response = await send(fetchImpl, `${current}/events`, { headers: bearer(token), signal })
      if (!response.ok || response.body === null) throw await refusalOf(response)
      yield* readViews(response.body)
    },
    close: async token =>
      readJson(await send(fetchImpl, current, { method: 'DELETE', headers: bearer(token) }), sessionViewSchema),
    receipt: async token =>
      readJson(await send(fetchImpl, `${current}/receipt`, { headers: bearer(token) }), receiptSchema),
    async askFaucet(address) {
      const response = await send(fetchImpl, '/api/faucet', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ address }),
      })
      if (!response.ok) throw await refusalOf(response)
      await response.body?.cancel()
    },
    earnings: async operator =>
      readJson(await send(fetchImpl, `/api/operators/${encodeURIComponent(operator)}/earnings`), earningsSchema),
    zerogEarnings: async operator =>
      readJson(
        await send(fetchImpl, `/api/zerog/earnings?operator=${encodeURIComponent(operator)}`),
        zerogEarningsSchema.nullable(),
      ),
  }
}

/** `EventSource` cannot send an Authorization header, so the stream is read by hand. */
async function* readViews(body: ReadableStream<Uint8Array>): AsyncGenerator<SessionView> {
  const arrived: string[] = []
  const parser = createParser({ onEvent: event => arrived.push(event.data) })
  const decoder = new TextDecoder()
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      parser.feed(decoder.decode(value, { stream: true }))
      for (const data of arrived.splice(0)) yield parseView(data)
    }
  } finally {
    void reader.cancel().catch(() => {})
  }
}

function parseView(data: string): SessionView {
  try {
    return sessionViewSchema.parse(JSON.parse(data))
  } catch {
    throw unreadable('events')
  }
}
