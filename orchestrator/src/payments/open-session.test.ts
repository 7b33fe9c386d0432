import { createManualClock } from '@computepool/shared/testing'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import type { OpenDatabase } from '../store/database.ts'
import { createLedger } from './ledger.ts'
import { createSessionOpener, type OpenOrder } from './open-session.ts'
import { createRetellKeys } from './retell-keys.ts'
import { readPayment } from './voucher.ts'

let database: OpenDatabase
beforeAll(async () => {
  database = await openMemoryLedger()
})
afterAll(() => database?.close())

const vault: Hex = `0x${'aa'.repeat(20)}`
const target = { chainId: 31_337, usdc: vault, usdcName: 'USDC', usdcVersion: '2', vault }
let nonces = 0

/** An opener whose chain confirms nothing by itself. */
function open() {
  const { db } = database
  const clock = createManualClock()
  const terms = { vault, leaseSeconds: 60, bufferSeconds: 60, sessionSeconds: 3600 }
  const ledger = createLedger({ db, clock, terms })
  const keys = createRetellKeys(db)
  const faults: unknown[] = []
  const facilitator = { isValid: true, verify: async () => ({ isValid: facilitator.isValid, payer: vault }) }
  const price = async () => 1000n
  const onFault = (fault: unknown) => faults.push(fault)
  const opener = createSessionOpener({ ledger, clock, facilitator, keys, target, price, onFault })
  return { clock, ledger, keys, faults, facilitator, opener }
}

function orderOf(changes: Partial<OpenOrder>): OpenOrder {
  nonces += 1
  const authorization = {
    from: `0x${'b1'.repeat(20)}`,
    to: vault,
    value: '50000',
    validAfter: '0',
    validBefore: '2000000000',
    nonce: `0x${nonces.toString(16).padStart(64, '0')}`,
  }
  const accepted = { scheme: 'exact', network: 'eip155:31337', asset: vault, amount: '50000', payTo: vault }
  const payment = readPayment({
    x402Version: 2,
    accepted: { ...accepted, maxTimeoutSeconds: 60 },
    payload: { signature: `0x${'00'.repeat(65)}`, authorization },
  })!
  const resource = { url: 'http://localhost/v1/chat/completions', description: '' }
  return { payment, origin: 'request', amountAtomic: 50_000n, key: null, resource, ...changes }
}

/** What the chain says after all. */
const opening = { transaction: null, blockNumber: null, expiresAt: 2_000_000_000, pricePerSecondAtomic: 1000n }

describe('a voucher that the chain is slow to take', () => {
  const timeOut = async (house: ReturnType<typeof open>, order: OpenOrder): Promise<unknown> => {
    const failed = house.opener.open(order).catch((thrown: unknown) => thrown)
    // Its wait for the chain is the only timer.
    while (house.clock.pending === 0) await house.clock.settle()
    await house.clock.advance(120_000)
    return failed
  }

  it('of one request runs nothing, and is given back as soon as the chain has it', async () => {
    const house = open()
    const order = orderOf({})
    const { sessionId } = order.payment
    expect(await timeOut(house, order)).toMatchObject({
      code: 'payment_session_opening',
      remedy: expect.stringContaining('new voucher'),
    })
    await house.ledger.confirmOpen(sessionId, opening)
    expect(await house.ledger.view(sessionId)).toMatchObject({ status: 'closing', spentAtomic: 0n })
    expect(house.faults).toEqual([])
  })

  it.each([
    ['the key that it came with', 'c0ffee00-c0ffee00-c0ffee00', 'Idempotency-Key'],
    ['the wallet', null, '/v1/sessions/recover'],
  ])('of a session stays open for who comes back with %s', async (_name, key, remedy) => {
    const house = open()
    const order = orderOf({ origin: 'session', key })
    const { sessionId } = order.payment
    expect(await timeOut(house, order)).toMatchObject({
      code: 'payment_session_opening',
      remedy: expect.stringContaining(remedy),
    })
    await house.ledger.confirmOpen(sessionId, opening)
    expect((await house.ledger.view(sessionId)).status).toBe('open')
  })
})

it('keeps nothing of a voucher that was refused', async () => {
  const { ledger, keys, facilitator, opener } = open()
  facilitator.isValid = false
  const order = orderOf({ origin: 'session', key: 'a-key-of-somebody-with-nothing' })
  await expect(opener.open(order)).rejects.toMatchObject({ code: 'payment_required' })
  expect(await keys.sessionOf(order.key!)).toBe(null)
  expect(await ledger.session(order.payment.sessionId)).toBe(null)
})
