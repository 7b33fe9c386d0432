/** A money API that a test steers: it counts what was asked, tells views when told to, and answers 402 with a challenge to taste. */
import { ComputePoolError } from '@computepool/shared/errors'
import type {
  Earnings,
  MoneyTerms,
  OpenedSession,
  PaidTerms,
  Receipt,
  Recovery,
  SessionView,
} from '@computepool/shared/money'
import type { MoneyClient } from '../../money/money-client.ts'
import { sampleReceipt, sampleSession, sampleTerms } from './sample-money.ts'

export interface FakeMoneyClient extends MoneyClient {
  readonly calls: string[]
  /** PAYMENT-SIGNATURE headers, as they came. */
  readonly paid: string[]
  /** Idempotency-Key headers. */
  readonly keys: string[]
  /** Open sessions that the payer has, whatever this tab knows. */
  payerSessions: readonly OpenedSession[]
  /** Proofs of the wallet, as they came. */
  readonly proofs: Recovery[]
  terms_: MoneyTerms
  receipt_: Receipt
  /** Changes the challenge of the next 402. */
  lie: (offer: Record<string, unknown>) => Record<string, unknown>
  /** Thrown by the next opening, once. */
  failOpening: Error | null
  /** Hands a view to whoever follows the session. */
  tell(view: Partial<SessionView>): Promise<void>
  /** Breaks every open event stream. */
  breakStreams(): Promise<void>
}

export const fakeToken = 'fake-session-token-0001'

/** The challenge that honest terms make. */
export function challengeOf(terms: PaidTerms, capAtomic: bigint): Record<string, unknown> {
  return {
    scheme: 'exact',
    network: `eip155:${terms.chain.id}`,
    asset: terms.usdc,
    amount: capAtomic.toString(),
    payTo: terms.vault,
    maxTimeoutSeconds: 300,
    extra: { name: terms.usdcName, version: terms.usdcVersion, paymentFlow: 'upfront' },
  }
}

export function encodeChallenge(...accepts: readonly unknown[]): string {
  return btoa(JSON.stringify({ x402Version: 2, resource: { url: 'http://localhost/v1/sessions' }, accepts }))
}

export function createFakeMoneyClient(): FakeMoneyClient {
  let view = sampleSession()
  let wakers: (() => void)[] = []
  let version = 0
  let epoch = 0
  const settle = () => new Promise<void>(resolve => setTimeout(resolve, 0))
  const wake = () => {
    for (const waker of wakers.splice(0)) waker()
  }
  const fake: FakeMoneyClient = {
    calls: [],
    paid: [],
    keys: [],
    payerSessions: [],
    proofs: [],
    terms_: sampleTerms(),
    receipt_: sampleReceipt(),
    lie: offer => offer,
    failOpening: null,
    async tell(change) {
      view = { ...view, ...change }
      version += 1
      wake()
      await settle()
    },
    async breakStreams() {
      epoch += 1
      wake()
      await settle()
    },
    terms: async () => fake.terms_,
    async challenge(capAtomic) {
      fake.calls.push(`challenge ${capAtomic}`)
      if (fake.terms_.mode === 'free') throw new Error('free')
      return encodeChallenge(fake.lie(challengeOf(fake.terms_, capAtomic)))
    },
    async open({ capAtomic, header, idempotencyKey }) {
      fake.calls.push(`open ${capAtomic}`)
      fake.paid.push(header)
      fake.keys.push(idempotencyKey)
      const failure = fake.failOpening
      fake.failOpening = null
      if (failure !== null) throw failure
      view = sampleSession({ capAtomic, refundableAtomic: capAtomic })
      return { session: view, token: fakeToken }
    },
    sessionsOf: async () =>
      fake.payerSessions.map(({ session: { id, capAtomic, expiresAt } }) => ({ id, capAtomic, expiresAt })),
    async recover(proof) {
      fake.proofs.push(proof)
      view = fake.payerSessions[0]?.session ?? view
      return [...fake.payerSessions]
    },
    async *events(token, signal) {
      fake.calls.push(`events ${token}`)
      const own = epoch
      signal.addEventListener('abort', wake)
      for (let told = -1; !signal.aborted && epoch === own; ) {
        if (told === version) await new Promise<void>(resolve => wakers.push(resolve))
        else {
          told = version
          yield view
        }
      }
    },
    async close(token) {
      fake.calls.push(`close ${token}`)
      view = { ...view, status: 'closing', runningRequests: 0, atMs: view.atMs + 1 }
      return view
    },
    async receipt() {
      fake.calls.push('receipt')
      return fake.receipt_
    },
    async askFaucet(address) {
      fake.calls.push(`faucet ${address}`)
    },
    async earnings(): Promise<Earnings> {
      throw new ComputePoolError('input_not_found', 'No earnings here.', { context: { httpStatus: 404 } })
    },
    zerogEarnings: async () => null,
  }
  // The wakers of a stream that ended must not keep a test alive.
  wakers = []
  return fake
}
