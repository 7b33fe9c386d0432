import { streamVaultAbi } from '@computepool/contracts/abi'
import {
  earningsSchema,
  type OpenedSession,
  openedSessionSchema,
  receiptSchema,
  sessionViewSchema,
} from '@computepool/shared/money'
import { decodePaymentRequiredHeader, decodePaymentResponseHeader } from '@x402/core/http'
import type { Hex, PublicClient } from 'viem'
import { describe, expect, it } from 'vitest'
import { ownerToken, type PaidPool } from '../../testing/paid-pool.ts'
import { dataOf, readSse } from '../../testing/read-sse.ts'
import { paymentHeader, signPayment, type TestVault, type VoucherChanges } from '../../testing/test-vault.ts'
import { bearer, chatWith, usePaidPool } from '../../testing/use-paid-pool.ts'
import { createVaultReader } from '../chain/vault-reader.ts'
import { tellClosed } from './outbox-truth.ts'
import { createSessionTokens } from './session-token.ts'

let chain: TestVault
let pool: PaidPool
const cap = 2_000_000n
const body = { capAtomic: cap.toString() }

usePaidPool((openedChain, openedPool) => {
  chain = openedChain
  pool = openedPool
})

const payer = () => chain.accounts.payers[0]!
const pay = async (changes: VoucherChanges = {}) =>
  paymentHeader(await signPayment(chain.target, payer(), cap, changes))
const openSession = async (capAtomic = cap): Promise<OpenedSession> => {
  const headers = paymentHeader(await signPayment(chain.target, payer(), capAtomic))
  const reply = await pool.post('/v1/sessions', { capAtomic: capAtomic.toString() }, headers)
  return openedSessionSchema.parse(await reply.json())
}
const chat = (headers: Record<string, string>, extra: object = {}) => chatWith(pool, headers, extra)

describe('POST /v1/sessions', () => {
  it('says what to pay, in a header that x402 clients read and a body that people do', async () => {
    await pool.joinTabs(2)
    const reply = await pool.post('/v1/sessions', body)
    expect(reply.status).toBe(402)
    expect(reply.headers.get('access-control-expose-headers')).toContain('payment-required')
    const required = decodePaymentRequiredHeader(reply.headers.get('payment-required')!)
    expect(required).toMatchObject({
      x402Version: 2,
      accepts: [
        {
          scheme: 'exact',
          network: 'eip155:31337',
          amount: cap.toString(),
          payTo: chain.vault,
          asset: chain.target.usdc,
          extra: { name: chain.target.usdcName, version: chain.target.usdcVersion, paymentFlow: 'upfront' },
        },
      ],
    })
    expect(await reply.json()).toMatchObject({ error: { code: 'payment_required', type: 'payment_error' } })
  })

  it('takes no money for a ring that is not there', async () => {
    const before = await chain.usdcOf(payer().address)
    for (const headers of [{}, await pay()]) {
      expect((await pool.post('/v1/sessions', body, headers)).status).toBe(503)
      expect((await chat(headers)).status).toBe(503)
    }
    expect(await chain.usdcOf(payer().address)).toBe(before)
  })

  it('opens a session with a voucher', async () => {
    await pool.joinTabs(2)
    const reply = await pool.post('/v1/sessions', body, await pay())
    expect(reply.status).toBe(201)
    const { session, token } = openedSessionSchema.parse(await reply.json())
    expect(session).toMatchObject({
      payer: payer().address.toLowerCase(),
      status: 'open',
      capAtomic: cap,
      spentAtomic: 0n,
      refundableAtomic: cap,
      pricePerSecondAtomic: 1000n,
    })
    const settled = decodePaymentResponseHeader(reply.headers.get('payment-response')!)
    expect(settled).toMatchObject({ success: true, transaction: session.openTransaction })
    const current = await pool.app.request('/v1/sessions/current', { headers: bearer(token) })
    expect(sessionViewSchema.parse(await current.json())).toMatchObject({ id: session.id, status: 'open' })
  })

  it('opens one session for a voucher that comes 20 times at once, and tells all of them', async () => {
    await pool.joinTabs(2)
    const before = await chain.usdcOf(payer().address)
    const headers = await pay()
    const replies = await Promise.all(Array.from({ length: 20 }, () => pool.post('/v1/sessions', body, headers)))
    const opened = await Promise.all(replies.map(async reply => openedSessionSchema.parse(await reply.json())))
    expect(replies.map(reply => reply.status).sort()).toEqual([...Array(19).fill(200), 201])
    expect(new Set(opened.map(({ token }) => token)).size).toBe(1)
    expect(new Set(opened.map(({ session }) => session.id)).size).toBe(1)
    expect(await chain.usdcOf(payer().address)).toBe(before - cap)
  })

  it('tells a token again to who has the key that came with the voucher, and to nobody else', async () => {
    await pool.joinTabs(2)
    const headers = await pay()
    const key = { 'idempotency-key': 'c0ffee00-c0ffee00-c0ffee00' }
    const first = openedSessionSchema.parse(
      await (await pool.post('/v1/sessions', body, { ...headers, ...key })).json(),
    )
    const again = await pool.post('/v1/sessions', body, { ...headers, ...key })
    expect(again.status).toBe(200)
    expect(openedSessionSchema.parse(await again.json())).toEqual(first)
    // The voucher is in the chain's public calldata: whoever read it there gets nothing.
    for (const other of [{}, { 'idempotency-key': 'another-key-of-a-thief' }]) {
      const replayed = await pool.post('/v1/sessions', body, { ...headers, ...other })
      expect(replayed.status).toBe(402)
      expect(await replayed.json()).toMatchObject({ error: { reason: 'invalid_exact_evm_nonce_already_used' } })
    }
    const reused = await pool.post('/v1/sessions', body, { ...(await pay()), ...key })
    expect([reused.status, await reused.json()]).toMatchObject([409, { error: { code: 'payment_voucher_conflict' } }])
  })

  const wrongs: Array<[string, string, VoucherChanges]> = [
    ['tampered with', 'signature', { signed: { value: 1n } }],
    ['for another chain', 'signature', { chainId: 16602 }],
    ['over another amount', 'payload_authorization_value_mismatch', { value: 1n }],
    ['to another address', 'recipient_mismatch', { to: `0x${'12'.repeat(20)}` }],
    ['out of date', 'payload_authorization_valid_before', { validBefore: 1n }],
  ]
  it.each(wrongs)('refuses a voucher %s with x402’s reason and a new challenge', async (_, reason, changes) => {
    await pool.joinTabs(2)
    const before = await chain.usdcOf(payer().address)
    const known = (await pool.ledger.listSessions()).length
    const reply = await pool.post('/v1/sessions', body, await pay(changes))
    expect(reply.status).toBe(402)
    expect(decodePaymentRequiredHeader(reply.headers.get('payment-required')!).error).toBe(
      `invalid_exact_evm_${reason}`,
    )
    expect(await chain.usdcOf(payer().address)).toBe(before)
    expect(await pool.ledger.listSessions()).toHaveLength(known)
  })

  it.each([{}, { capAtomic: 5 }, { capAtomic: '9999' }, { capAtomic: '100000001' }, { capAtomic: '-1' }])(
    'refuses the cap of %j',
    async wrong => {
      await pool.joinTabs(2)
      const reply = await pool.post('/v1/sessions', wrong)
      expect([reply.status, await reply.json()]).toMatchObject([400, { error: { param: 'capAtomic' } }])
    },
  )
})

describe('a session', () => {
  it('pays for an answer from its first activation to its end, and refunds the rest when it closes', async () => {
    const [entry] = await pool.joinTabs(2)
    const { token, session } = await openSession()
    const reply = chat(bearer(token))
    const { requestId } = await entry!.nextJob()
    await pool.clock.advance(400)
    entry!.flow(requestId)
    await pool.clock.advance(1500)
    entry!.token(requestId, 0, 65)
    entry!.finish(requestId, 'stop', 2)
    expect(await (await reply).json()).toMatchObject({
      computepool: {
        stoppedBy: null,
        payment: { sessionId: session.id, costAtomic: '1500', spentAtomic: '1500', refundableAtomic: '1998500' },
      },
    })
    const closing = await pool.app.request('/v1/sessions/current', { method: 'DELETE', headers: bearer(token) })
    expect(closing.status).toBe(202)
    expect(sessionViewSchema.parse(await closing.json())).toMatchObject({ status: 'closing', spentAtomic: 1500n })
    expect((await chat(bearer(token))).status).toBe(402)
    const receipt = await pool.app.request('/v1/sessions/current/receipt', { headers: bearer(token) })
    expect(receiptSchema.parse(await receipt.json())).toMatchObject({
      requests: [{ requestId, meteredMs: 1500, costAtomic: 1500n, tokens: 1, stoppedBy: 'stop' }],
      transactions: [{ kind: 'open', hash: session.openTransaction }],
    })
  })

  it('ends an answer at its cap, with a clear reason in the stream’s last chunk', async () => {
    const [entry] = await pool.joinTabs(2)
    const { token } = await openSession(20_000n)
    const reply = await (async () => {
      const started = chat(bearer(token), { stream: true })
      const { requestId } = await entry!.nextJob()
      entry!.flow(requestId)
      await pool.clock.advance(1000)
      entry!.token(requestId, 0, 65)
      await pool.clock.advance(19_000 - 1)
      expect(entry!.cancelled).toEqual([])
      await pool.clock.advance(1)
      expect(entry!.cancelled).toEqual([requestId])
      return started
    })()
    const events = await readSse(reply).rest()
    expect(dataOf(events.at(-2)!)).toMatchObject({
      choices: [{ finish_reason: 'length' }],
      computepool: { stoppedBy: 'cap', payment: { spentAtomic: '20000', refundableAtomic: '0' } },
    })
    const refused = await chat(bearer(token))
    expect([refused.status, await refused.json()]).toMatchObject([402, { error: { code: 'payment_cap_reached' } }])
  })

  it('stops its clock when the reader goes away', async () => {
    const [entry] = await pool.joinTabs(2)
    const { token, session } = await openSession()
    const started = chat(bearer(token), { stream: true })
    const { requestId } = await entry!.nextJob()
    entry!.flow(requestId)
    await pool.clock.advance(300)
    entry!.token(requestId, 0, 65)
    const reader = readSse(await started)
    await reader.next()
    await reader.cancel()
    await entry!.cancelOf(requestId)
    await pool.clock.advance(5000)
    expect((await pool.ledger.receipt(session.id)).requests).toMatchObject([
      { meteredMs: 300, costAtomic: 300n, stoppedBy: 'cancelled' },
    ])
  })

  it('stops what runs when it is closed', async () => {
    const [entry] = await pool.joinTabs(2)
    const { token } = await openSession()
    const reply = chat(bearer(token))
    const { requestId } = await entry!.nextJob()
    entry!.flow(requestId)
    await pool.clock.advance(250)
    const closing = await pool.app.request('/v1/sessions/current', { method: 'DELETE', headers: bearer(token) })
    expect(entry!.cancelled).toEqual([requestId])
    expect(sessionViewSchema.parse(await closing.json())).toMatchObject({ status: 'closing', spentAtomic: 250n })
    expect(await (await reply).json()).toMatchObject({ computepool: { stoppedBy: 'closed' } })
  })

  it('stops what runs when its payer ends it on the chain, and says so in the answer', async () => {
    const [entry] = await pool.joinTabs(2)
    const { token, session } = await openSession()
    const started = chat(bearer(token), { stream: true })
    const { requestId } = await entry!.nextJob()
    entry!.flow(requestId)
    await pool.clock.advance(250)
    entry!.token(requestId, 0, 65)
    const reply = await started
    const args = [session.id as Hex] as const
    const call = { address: chain.vault, abi: streamVaultAbi, functionName: 'end', args, gas: 3_000_000n } as const
    await chain.publicClient.waitForTransactionReceipt({ hash: await chain.wallet(payer()).writeContract(call) })
    const vault = createVaultReader(chain.publicClient as PublicClient, chain.vault)
    const { ledger } = pool
    await tellClosed({ ledger, vault }, session.id, await vault.session(session.id))
    expect(entry!.cancelled).toEqual([requestId])
    expect(dataOf((await readSse(reply).rest()).at(-2)!)).toMatchObject({
      choices: [{ finish_reason: 'length' }],
      computepool: { stoppedBy: 'closed' },
    })
    const refused = await chat(bearer(token))
    expect([refused.status, await refused.json()]).toMatchObject([402, { error: { code: 'payment_session_closed' } }])
    const receipt = await ledger.receipt(session.id)
    expect(receipt.paidAtomic + receipt.refundedAtomic).toBe(cap)
    expect(receipt.requests).toMatchObject([{ requestId, stoppedBy: 'closed' }])
  })

  it('tells its followers as it is spent, until it is over', async () => {
    const [entry] = await pool.joinTabs(2)
    const { token } = await openSession()
    const stream = await pool.app.request('/v1/sessions/current/events', { headers: bearer(token) })
    const events = readSse(stream)
    const view = async () => sessionViewSchema.parse(dataOf(await events.next()))
    expect(await view()).toMatchObject({ status: 'open', spentAtomic: 0n })
    const reply = chat(bearer(token))
    const { requestId } = await entry!.nextJob()
    entry!.flow(requestId)
    await pool.clock.advance(1000)
    expect(await view()).toMatchObject({ status: 'streaming', runningRequests: 1 })
    await events.cancel()
    entry!.finish(requestId, 'stop')
    await reply
  })

  it('lets 16 pages follow it, and the next when one is gone', async () => {
    await pool.joinTabs(2)
    const headers = bearer((await openSession()).token)
    const follow = async () => pool.app.request('/v1/sessions/current/events', { headers })
    const pages = await Promise.all(Array.from({ length: 16 }, follow))
    expect(pages.map(({ status }) => status)).toEqual(Array(16).fill(200))
    const refused = await follow()
    expect([refused.status, await refused.json()]).toMatchObject([429, { error: { code: 'rate_limit_exceeded' } }])
    const other = await pool.app.request('/v1/sessions/current/events', {
      headers: bearer((await openSession()).token),
    })
    expect(other.status).toBe(200)
    await readSse(pages.pop()!).cancel()
    const next = await follow()
    expect(next.status).toBe(200)
    for (const page of [...pages, other, next]) await readSse(page).cancel()
  })

  it.each([
    ['none of ours', 'cpool_x'],
    ['made up', `cpool_${'0'.repeat(64)}.${'A'.repeat(43)}`],
  ])('is not opened by a token that is %s', async (_, token) => {
    await pool.joinTabs(2)
    for (const reply of [
      await pool.app.request('/v1/sessions/current', { headers: bearer(token) }),
      await chat(bearer(token)),
    ]) {
      expect([reply.status, await reply.json()]).toMatchObject([401, { error: { code: 'peer_unauthenticated' } }])
    }
  })

  it('has a token that another server’s secret does not make', async () => {
    const id = `0x${'ab'.repeat(32)}` as const
    const [ours, theirs] = [7, 8].map(byte => createSessionTokens(new Uint8Array(32).fill(byte)))
    expect(ours!.sessionOf(ours!.tokenOf(id))).toBe(id)
    expect(ours!.sessionOf(theirs!.tokenOf(id))).toBe(null)
  })
})

describe('/api', () => {
  it('tells the terms', async () => {
    const terms = await (await pool.app.request('/api/money')).json()
    expect(terms).toMatchObject({
      mode: 'paid',
      vault: chain.vault,
      pricePerSecondAtomic: '1000',
      bufferPerRequestAtomic: expect.any(String),
    })
  })

  it('shows activity to the owner only', async () => {
    expect((await pool.app.request('/api/activity/sessions')).status).toBe(401)
    expect((await pool.app.request('/api/activity/sessions', { headers: bearer('x') })).status).toBe(401)
    // The scheme's case says nothing, here as at every other door.
    for (const authorization of [`Bearer ${ownerToken}`, `bearer ${ownerToken}`]) {
      const reply = await pool.app.request('/api/activity/sessions', { headers: { authorization } })
      expect(await reply.json()).toEqual({ count: expect.any(Number) })
    }
  })

  it('tells what an operator has earned, by its units when each answer ended', async () => {
    const [one, two] = chain.accounts.operators.map(({ address }) => address)
    const earningsOf = async (operator: string) => {
      const reply = await pool.app.request(`/api/operators/${operator}/earnings`)
      return earningsSchema.parse(await reply.json())
    }
    const [entry] = await pool.joinTabs(2)
    // A day on which no other test's answers ended.
    await pool.clock.advance(24 * 3600_000)
    await pool.ledger.setUnits([
      { member: one!, units: 300 },
      { member: two!, units: 700 },
    ])
    const args = [1n, [one!, two!].sort(), [one! < two! ? 300n : 700n, one! < two! ? 700n : 300n]] as const
    const call = { address: chain.vault, abi: streamVaultAbi, functionName: 'setUnits', args, gas: 3_000_000n } as const
    const hash = await chain.wallet(chain.accounts.keeper).writeContract(call)
    await chain.publicClient.waitForTransactionReceipt({ hash })
    const { token } = await openSession()
    const answer = async (ms: number): Promise<string> => {
      const reply = chat(bearer(token))
      const { requestId } = await entry!.nextJob()
      entry!.flow(requestId)
      await pool.clock.advance(ms)
      entry!.token(requestId, 0, 65)
      entry!.finish(requestId, 'stop', 2)
      await reply
      await pool.clock.settle()
      return requestId
    }
    const first = await answer(1500)
    await pool.till.meter.stopAll()
    expect(await earningsOf(one!)).toMatchObject({
      units: 300,
      totalUnits: 1000,
      days: [{ day: '2026-01-02', amountWei: 450n * 10n ** 12n }],
      requests: [{ requestId: first, amountWei: 450n * 10n ** 12n }],
    })
    expect(await earningsOf(two!)).toMatchObject({
      units: 700,
      days: [{ amountWei: 1050n * 10n ** 12n }],
    })
    const stranger = await earningsOf(payer().address)
    expect(stranger).toMatchObject({ units: 0, receivedWei: 0n, days: [], requests: [] })
    expect((await pool.app.request('/api/operators/nobody/earnings')).status).toBe(400)
  })
})
