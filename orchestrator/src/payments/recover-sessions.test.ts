import {
  openedSessionSchema,
  payerSessionsSchema,
  type RecoveryTerms,
  recoveredSchema,
  recoveryTypedData,
} from '@computepool/shared/money'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { openPaidPool, type PaidPool } from '../../testing/paid-pool.ts'
import { openTestVault, paymentHeader, signPayment, type TestVault } from '../../testing/test-vault.ts'
import type { OpenDatabase } from '../store/database.ts'

let chain: TestVault
let database: OpenDatabase
let pool: PaidPool

beforeAll(async () => {
  ;[chain, database] = await Promise.all([openTestVault(), openMemoryLedger()])
}, 120_000)
afterAll(async () => {
  await Promise.all([chain?.close(), database?.close()])
})
beforeEach(async () => {
  pool = openPaidPool(chain, database.db)
  await pool.joinTabs(2)
})
afterEach(() => pool.close())

const payer = (at: number) => chain.accounts.payers[at]!
const nowSeconds = () => Math.floor(pool.clock.wallMs() / 1000)

async function openSession(at: number, capAtomic = 1_000_000n) {
  const headers = paymentHeader(await signPayment(chain.target, payer(at), capAtomic))
  const reply = await pool.post('/v1/sessions', { capAtomic: capAtomic.toString() }, headers)
  return openedSessionSchema.parse(await reply.json())
}

/** A proof of payer `at`; `changes` go into what is signed, `sent` into what is sent. */
async function prove(at: number, changes: Partial<RecoveryTerms> = {}, sent: object = {}) {
  const { chainId, vault } = chain.target
  const issuedAt = changes.issuedAt ?? nowSeconds()
  const terms = { chainId, vault, payer: payer(at).address, origin: 'http://localhost', issuedAt, ...changes }
  const signature = await payer(at).signTypedData(recoveryTypedData(terms))
  return { payer: payer(at).address, issuedAt, signature, ...sent }
}

const recover = (proof: object) => pool.post('/v1/sessions/recover', proof)

describe('a lost token', () => {
  it('comes back to who proves the wallet, for every session that still takes requests', async () => {
    const opened = [await openSession(0), await openSession(0)]
    const closed = await openSession(0)
    await pool.app.request('/v1/sessions/current', {
      method: 'DELETE',
      headers: { authorization: `Bearer ${closed.token}` },
    })
    await openSession(1)
    const reply = await recover(await prove(0))
    expect(reply.status).toBe(200)
    expect(reply.headers.get('cache-control')).toBe('private, no-store')
    const { sessions } = recoveredSchema.parse(await reply.json())
    const tokensOf = (list: readonly { token: string }[]): string[] => list.map(({ token }) => token).sort()
    expect(tokensOf(sessions)).toEqual(tokensOf(opened))
    const known = await pool.app.request(`/v1/sessions/of/${payer(0).address}`)
    expect(
      payerSessionsSchema
        .parse(await known.json())
        .sessions.map(({ id }) => id)
        .sort(),
    ).toEqual(opened.map(({ session }) => session.id).sort())
    const current = await pool.app.request('/v1/sessions/current', {
      headers: { authorization: `Bearer ${sessions[0]!.token}` },
    })
    expect(current.status).toBe(200)
  })

  it('is told once for each signature', async () => {
    await openSession(2)
    const proof = await prove(2)
    const replies = await Promise.all([proof, proof].map(recover))
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 401])
    // Another spelling of the same address is the same proof.
    expect((await recover({ ...proof, payer: proof.payer.toLowerCase() })).status).toBe(401)
    await pool.clock.advance(1000)
    expect((await recover(await prove(2))).status).toBe(200)
  })

  const wrongs: Array<[string, () => Promise<object>]> = [
    ['another wallet', async () => ({ ...(await prove(1)), payer: payer(0).address })],
    ['another origin', () => prove(0, { origin: 'https://evil.example' })],
    [
      'another origin, and says so',
      () => prove(0, { origin: 'https://evil.example' }, { origin: 'https://evil.example' }),
    ],
    ['another vault', () => prove(0, { vault: `0x${'12'.repeat(20)}` })],
    ['another chain', () => prove(0, { chainId: 1 })],
    ['too long ago', () => prove(0, { issuedAt: nowSeconds() - 301 })],
    ['the future', () => prove(0, { issuedAt: nowSeconds() + 301 })],
    ['another time', () => prove(0, {}, { issuedAt: nowSeconds() - 1 })],
  ]
  it.each(wrongs)('is not told for a signature of %s', async (_, make) => {
    const reply = await recover(await make())
    expect([reply.status, await reply.json()]).toMatchObject([401, { error: { code: 'peer_unauthenticated' } }])
  })

  it('is told within the window, and under any name of this machine', async () => {
    await pool.clock.advance(400_000)
    for (const [origin, issuedAt] of [
      ['http://localhost', nowSeconds() - 300],
      ['http://127.0.0.1', nowSeconds() + 300],
    ] as const) {
      expect((await recover(await prove(3, { origin, issuedAt }, { origin }))).status).toBe(200)
    }
  })

  it('is not guessed for, and not asked for without end', async () => {
    expect((await recover({ payer: 'me' })).status).toBe(400)
    const replies: number[] = []
    for (let at = 0; at < 13; at++) replies.push((await recover({})).status)
    expect(replies.at(-1)).toBe(429)
  })
})
