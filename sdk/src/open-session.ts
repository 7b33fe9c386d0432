/** Pays for a session: terms, challenge, one signature, one voucher, sent until the pool says what became of it. */
import { openedSessionSchema } from '@computepool/shared/money'
import { atomicOf, formatUsdc, type Usdc } from './amounts.ts'
import { askJson, refusalOf, send } from './ask-pool.ts'
import { type SignedVoucher, signVoucher } from './pay-voucher.ts'
import { type Payer, signerOf } from './payer.ts'
import type { CallOptions, PoolDoor } from './pool-door.ts'
import { PoolError } from './pool-error.ts'
import type { PaidPoolTerms } from './pool-terms.ts'
import { holdSession, type Session } from './session.ts'

export interface OpenOptions extends CallOptions {
  /** Who pays; not asked for where work is free. */
  readonly account?: Payer
  /** The most that this session may cost. What is not used is refunded. */
  readonly cap?: Usdc
  /** The highest price of a running second. Default: the one of `pool.terms`. */
  readonly maxPricePerSecond?: Usdc
}

export interface OpenOrder {
  readonly door: PoolDoor
  readonly model: string
  /** As they are now, and as they were when the pool was found. */
  readonly terms: PaidPoolTerms
  readonly shown: PaidPoolTerms
  readonly asked: OpenOptions
}

const openTimeoutMs = 180_000
const slowChainRetryMs = 3_000
const mostLost = 4
const path = '/v1/sessions'

export async function payForSession({ door, model, terms, shown, asked }: OpenOrder): Promise<Session> {
  const { account, cap, maxPricePerSecond, signal, timeoutMs = openTimeoutMs } = asked
  if (account === undefined || cap === undefined) throw noPayer()
  const capAtomic = withinCaps(atomicOf(cap), terms)
  requirePrice(terms, maxPricePerSecond === undefined ? shown.pricePerSecondAtomic : atomicOf(maxPricePerSecond))
  const deadline = AbortSignal.timeout(timeoutMs)
  const stop = signal === undefined ? deadline : AbortSignal.any([signal, deadline])
  const body = JSON.stringify({ capAtomic: capAtomic.toString() })
  const headers = { 'content-type': 'application/json' }
  let voucher: SignedVoucher | null = null
  try {
    const order = { method: 'POST', body, signal: stop, timeoutMs: null } as const
    const header = await challengeOf(await send(door, path, { ...order, headers }))
    voucher = await signVoucher({ header, terms, capAtomic, signer: signerOf(account) })
    const { header: signature, sessionId } = voucher
    // A voucher is public once it is on the chain: the key proves that a repeated one comes from who sent it first.
    const paid = { ...headers, 'payment-signature': signature, 'idempotency-key': randomHex(32) }
    const { session, token } = await openPatiently(
      () => askJson(door, path, openedSessionSchema, { ...order, headers: paid }),
      stop,
    )
    if (session.id !== sessionId) throw strangeSession(session.id, sessionId)
    return holdSession({ door, model, id: sessionId, capAtomic, token })
  } catch (thrown) {
    if (signal?.aborted === true) throw signal.reason
    throw deadline.aborted ? tooSlow(timeoutMs, voucher !== null) : thrown
  }
}

async function challengeOf(response: Response): Promise<string> {
  const header = response.headers.get('payment-required')
  if (response.status !== 402 || header === null) throw await refusalOf(response)
  await response.body?.cancel()
  return header
}

/** A slow chain, or a lost answer, is no refusal: the same voucher with the same key tells the same session. */
async function openPatiently<T>(open: () => Promise<T>, stop: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await open()
    } catch (thrown) {
      const isSlow = thrown instanceof PoolError && thrown.code === 'payment_session_opening'
      const isLost = thrown instanceof PoolError && thrown.kind === 'unreachable' && tries < mostLost
      if (stop.aborted || !(isSlow || isLost)) throw thrown
    }
    await new Promise(resolve => setTimeout(resolve, slowChainRetryMs))
  }
}

function withinCaps(capAtomic: bigint, { minCapAtomic, maxCapAtomic }: PaidPoolTerms): bigint {
  if (capAtomic >= minCapAtomic && capAtomic <= maxCapAtomic) return capAtomic
  const [least, most] = [formatUsdc(minCapAtomic), formatUsdc(maxCapAtomic)]
  throw new PoolError({
    kind: 'refused',
    code: 'sdk_cap_out_of_range',
    message: `A cap of ${formatUsdc(capAtomic)} USDC is not between ${least} and ${most}.`,
    remedy: 'Choose a cap within.',
  })
}

/** A voucher names its amount, not what a second costs: once it is signed, the vault takes the price of that moment. */
function requirePrice({ pricePerSecondAtomic }: PaidPoolTerms, mostAtomic: bigint): void {
  if (pricePerSecondAtomic <= mostAtomic) return
  throw new PoolError({
    kind: 'payment',
    code: 'sdk_price_risen',
    message: `A second costs ${formatUsdc(pricePerSecondAtomic)} USDC now, more than ${formatUsdc(mostAtomic)}.`,
    remedy: 'Nothing was signed. Call findPool again to see the price, or give a higher maxPricePerSecond.',
  })
}

const noPayer = (): PoolError =>
  new PoolError({
    kind: 'refused',
    code: 'sdk_account_missing',
    message: 'This pool is paid: a session needs an account and a cap.',
    remedy: 'Call openSession({ account, cap: "0.25" }).',
  })

const strangeSession = (told: string, named: string): PoolError =>
  new PoolError({
    kind: 'payment',
    code: 'sdk_session_strange',
    message: `The pool opened session ${told}, not ${named}, which the voucher names.`,
    remedy: 'Ask the vault for the session of your voucher; its payer can end it there, which refunds it.',
  })

const tooSlow = (timeoutMs: number, isSigned: boolean): PoolError =>
  new PoolError({
    kind: 'chain',
    code: 'sdk_open_slow',
    message: `No session was opened within ${timeoutMs} ms.`,
    remedy: isSigned
      ? 'Sign no other voucher yet: recoverSessions(account) gives the session once the chain has it.'
      : 'Nothing was signed. Try again later.',
  })

function randomHex(bytes: number): string {
  const drawn = crypto.getRandomValues(new Uint8Array(bytes))
  return Array.from(drawn, byte => byte.toString(16).padStart(2, '0')).join('')
}
