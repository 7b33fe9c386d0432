import { decodePaymentRequiredHeader, decodePaymentResponseHeader } from '@x402/core/http'
import { describe, expect, it } from 'vitest'
import type { PaidPool } from '../../testing/paid-pool.ts'
import { dataOf, readSse } from '../../testing/read-sse.ts'
import { paymentHeader, signPayment, type TestVault } from '../../testing/test-vault.ts'
import { bearer, chatWith, usePaidPool } from '../../testing/use-paid-pool.ts'

let chain: TestVault
let pool: PaidPool

usePaidPool((openedChain, openedPool) => {
  chain = openedChain
  pool = openedPool
})

const payer = () => chain.accounts.payers[0]!
/** The session that a reply was paid with. */
const sessionOf = async (reply: Response) => {
  const { transaction } = decodePaymentResponseHeader(reply.headers.get('payment-response')!)
  return (await pool.ledger.listSessions()).find(view => view.openTransaction === transaction)
}
const chat = (headers: Record<string, string>, extra: object = {}) => chatWith(pool, headers, extra)

describe('a request with its own voucher', () => {
  const requestPayment = async () => paymentHeader(await signPayment(chain.target, payer(), 50_000n))

  it('is asked to pay, whatever API key it has', async () => {
    await pool.joinTabs(2)
    for (const headers of [{}, bearer('none'), bearer('sk-anything')]) {
      const reply = await chat(headers)
      expect(reply.status).toBe(402)
      const required = decodePaymentRequiredHeader(reply.headers.get('payment-required')!)
      expect(required.accepts).toMatchObject([{ amount: '50000', payTo: chain.vault }])
      expect(await reply.json()).toMatchObject({ error: { code: 'payment_required' } })
    }
  })

  it('streams before its last token exists, and closes when it is over', async () => {
    const [entry] = await pool.joinTabs(2)
    const started = chat(await requestPayment(), { stream: true })
    const { requestId } = await entry!.nextJob()
    entry!.flow(requestId)
    entry!.token(requestId, 0, 65)
    const reply = await started
    expect(decodePaymentResponseHeader(reply.headers.get('payment-response')!)).toMatchObject({ success: true })
    const events = readSse(reply)
    await events.next()
    expect(dataOf(await events.next())).toMatchObject({ choices: [{ delta: { content: expect.any(String) } }] })
    await pool.clock.advance(2000)
    entry!.token(requestId, 1, 66)
    entry!.finish(requestId, 'stop', 4)
    const rest = await events.rest()
    expect(dataOf(rest.at(-2)!)).toMatchObject({
      computepool: { payment: { costAtomic: '2000', refundableAtomic: '48000' } },
    })
    expect(await sessionOf(reply)).toMatchObject({ status: 'closing', spentAtomic: 2000n })
  })

  it('serves one of 20 that come with the same voucher', async () => {
    const [entry] = await pool.joinTabs(2)
    const headers = await requestPayment()
    const before = await chain.usdcOf(payer().address)
    const all = Promise.all(Array.from({ length: 20 }, () => chat(headers)))
    const { requestId } = await entry!.nextJob()
    entry!.token(requestId, 0, 65)
    entry!.finish(requestId, 'stop')
    const statuses = (await all).map(reply => reply.status).sort()
    expect(statuses).toEqual([200, ...Array(19).fill(402)])
    expect(entry!.jobs).toHaveLength(1)
    expect(await chain.usdcOf(payer().address)).toBe(before - 50_000n)
  })

  it('costs nothing where the body is wrong', async () => {
    await pool.joinTabs(2)
    const before = await chain.usdcOf(payer().address)
    expect((await chat(await requestPayment(), { temperature: 9 })).status).toBe(400)
    expect((await chat(await requestPayment(), { model: 'other' })).status).toBe(404)
    expect(await chain.usdcOf(payer().address)).toBe(before)
  })

  it('gives all back where the pool failed before it began', async () => {
    const [entry, exit] = await pool.joinTabs(2)
    const started = chat(await requestPayment())
    await entry!.nextJob()
    exit!.leave()
    const reply = await started
    expect(reply.status).toBe(503)
    expect(decodePaymentResponseHeader(reply.headers.get('payment-response')!)).toMatchObject({ success: true })
    await pool.clock.settle()
    expect(await sessionOf(reply)).toMatchObject({ status: 'closing', spentAtomic: 0n, refundableAtomic: 50_000n })
  })
})
