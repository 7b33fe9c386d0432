import { ComputePoolError } from '@computepool/shared/errors'
import { type Recovery, recoveryTypedData } from '@computepool/shared/money'
import { expect, test } from 'vitest'
import { createFakeMoney, type FakeMoney, type FakeMoneyGiven, payerAccount } from '../ui/testing/fake-money.ts'
import { fakeToken } from '../ui/testing/fake-money-client.ts'
import { sampleSession, sampleTerms } from '../ui/testing/sample-money.ts'
import { paidTermsOf } from './terms-store.ts'

const settle = () => new Promise<void>(resolve => setTimeout(resolve, 0))

async function ready(given: FakeMoneyGiven = {}): Promise<FakeMoney> {
  const money = createFakeMoney(given)
  money.stores.terms.load()
  await settle()
  await money.stores.wallet.look(sampleTerms())
  return money
}

const lostAnswer = () => new ComputePoolError('peer_unreachable', 'The orchestrator did not answer.')
const refused = () =>
  new ComputePoolError('payment_voucher_refused', 'The voucher is expired.', { context: { httpStatus: 402 } })

test('a session opens with one signature, and its token goes nowhere but to the API', async () => {
  const money = await ready()
  const { sessions } = money.stores
  await sessions.open(500_000n)
  expect(money.signed).toHaveLength(1)
  expect(sessions.getSnapshot().live?.view.capAtomic).toBe(500_000n)
  expect(sessions.token()).toBe(fakeToken)
  const shown = JSON.stringify(sessions.getSnapshot(), (_key, value) =>
    typeof value === 'bigint' ? `${value}` : value,
  )
  expect(shown).not.toContain(fakeToken)
  sessions.close()
})

test('however often and however fast it is asked, it signs once and pays once', async () => {
  const money = await ready()
  const { sessions } = money.stores
  await Promise.all([sessions.open(500_000n), sessions.open(500_000n), sessions.open(250_000n)])
  await sessions.open(500_000n)
  expect(money.signed).toHaveLength(1)
  expect(money.client.paid).toHaveLength(1)
  sessions.close()
})

test('a price that changed after the page was loaded is not signed: it is told, and asked for again', async () => {
  const money = await ready()
  const { sessions, terms } = money.stores
  money.client.terms_ = sampleTerms({ pricePerSecondAtomic: 2_000n })
  await sessions.open(500_000n)
  expect(sessions.getSnapshot()).toMatchObject({
    step: 'idle',
    live: null,
    error: null,
    priceChange: { wasAtomic: 1_000n, isAtomic: 2_000n },
  })
  expect(paidTermsOf(terms.getSnapshot())?.pricePerSecondAtomic).toBe(2_000n)
  // A second click is no agreement.
  await sessions.open(500_000n)
  expect(money.signed).toEqual([])
  expect(money.client.paid).toEqual([])
  sessions.agreeToPrice()
  expect(sessions.getSnapshot().priceChange).toBeNull()
  await sessions.open(500_000n)
  expect(money.signed).toHaveLength(1)
  expect(sessions.getSnapshot().live).not.toBeNull()
  sessions.close()
})

test('a price that changes again before it is agreed to is told again', async () => {
  const money = await ready()
  const { sessions } = money.stores
  for (const price of [2_000n, 3_000n]) {
    money.client.terms_ = sampleTerms({ pricePerSecondAtomic: price })
    sessions.agreeToPrice()
    await sessions.open(500_000n)
    expect(sessions.getSnapshot().priceChange).toEqual({ wasAtomic: price - 1_000n, isAtomic: price })
  }
  expect(money.signed).toEqual([])
})

test('where nobody tells the price any more, nothing is signed', async () => {
  const money = await ready()
  money.client.terms = async () => {
    throw lostAnswer()
  }
  await money.stores.sessions.open(500_000n)
  expect(money.signed).toEqual([])
  expect(money.stores.sessions.getSnapshot()).toMatchObject({ live: null, error: { code: 'peer_unreachable' } })
})

test('where work became free meanwhile, nothing is signed', async () => {
  const money = await ready()
  money.client.terms_ = { mode: 'free' }
  await money.stores.sessions.open(500_000n)
  expect(money.signed).toEqual([])
  expect(money.stores.terms.getSnapshot().status).toBe('free')
})

test('a lying challenge is not signed', async () => {
  const money = await ready()
  money.client.lie = offer => ({ ...offer, amount: '5000000' })
  await money.stores.sessions.open(500_000n)
  expect(money.signed).toEqual([])
  expect(money.client.paid).toEqual([])
  expect(money.stores.sessions.getSnapshot()).toMatchObject({
    step: 'idle',
    live: null,
    error: { code: 'payment_challenge_invalid', context: { field: 'amount' } },
  })
})

test('a declined signature costs nothing, and the next try signs anew', async () => {
  const money = await ready()
  const { onSign } = money
  money.onSign = () => Promise.reject(new ComputePoolError('payment_signature_declined', 'Declined.'))
  await money.stores.sessions.open(500_000n)
  expect(money.stores.sessions.getSnapshot().error?.code).toBe('payment_signature_declined')
  expect(money.client.paid).toEqual([])
  money.onSign = onSign
  await money.stores.sessions.open(500_000n)
  expect(money.stores.sessions.getSnapshot().live).not.toBeNull()
  money.stores.sessions.close()
})

test('a lost answer leads to the same voucher with the same key, also after a reload of the tab', async () => {
  const storage = new Map<string, string>()
  const money = await ready({ storage })
  money.client.failOpening = lostAnswer()
  await money.stores.sessions.open(500_000n)
  expect(money.stores.sessions.getSnapshot()).toMatchObject({ live: null, unansweredCapAtomic: 500_000n })
  const [header] = money.client.paid
  const [key] = money.client.keys

  const again = await ready({ storage })
  again.stores.sessions.resume()
  expect(again.stores.sessions.getSnapshot().unansweredCapAtomic).toBe(500_000n)
  // Another cap would be a second payment while the first may have been taken.
  await again.stores.sessions.open(250_000n)
  expect(again.signed).toEqual([])
  expect(again.client.paid).toEqual([header])
  expect(again.client.keys).toEqual([key])
  expect(again.stores.sessions.getSnapshot().live).not.toBeNull()
  expect(again.stores.sessions.getSnapshot().unansweredCapAtomic).toBeNull()
  again.stores.sessions.close()
})

test('a slow chain is waited for with the same voucher', async () => {
  const money = await ready()
  money.client.failOpening = new ComputePoolError('payment_session_opening', 'Not confirmed yet.', {
    context: { httpStatus: 409, retryAfterSeconds: 1 },
  })
  await money.stores.sessions.open(500_000n)
  expect(money.client.paid).toHaveLength(2)
  expect(new Set(money.client.paid).size).toBe(1)
  expect(money.signed).toHaveLength(1)
  expect(money.stores.sessions.getSnapshot().live).not.toBeNull()
  money.stores.sessions.close()
})

test('a refused voucher is void: nothing waits, nothing is stored', async () => {
  const money = await ready()
  money.client.failOpening = refused()
  await money.stores.sessions.open(500_000n)
  expect(money.stores.sessions.getSnapshot()).toMatchObject({
    unansweredCapAtomic: null,
    error: { code: 'payment_voucher_refused' },
  })
  expect([...money.storage.keys()]).toEqual([])
})

test('views are followed; an older one that comes late changes nothing', async () => {
  const money = await ready()
  const { sessions } = money.stores
  await sessions.open(500_000n)
  money.setNow(5_000)
  await money.client.tell({ spentAtomic: 900n, runningRequests: 1, atMs: 3_000 })
  expect(sessions.getSnapshot().live).toMatchObject({ seenAtMs: 5_000, view: { spentAtomic: 900n } })
  await money.client.tell({ spentAtomic: 100n, atMs: 2_000 })
  expect(sessions.getSnapshot().live?.view.spentAtomic).toBe(900n)
  sessions.close()
})

test('a stream that breaks is said to be lost, and is opened again', async () => {
  const money = await ready()
  const { sessions } = money.stores
  await sessions.open(500_000n)
  await settle()
  const seen: (string | undefined)[] = []
  sessions.subscribe(() => seen.push(sessions.getSnapshot().live?.connection))
  await money.client.breakStreams()
  await settle()
  expect(seen).toContain('lost')
  expect(sessions.getSnapshot().live?.connection).toBe('live')
  expect(money.client.calls.filter(call => call.startsWith('events'))).toHaveLength(2)
  sessions.close()
})

test('ending stops the token at once, and the receipt comes when the chain is done', async () => {
  const money = await ready()
  const { sessions } = money.stores
  await sessions.open(500_000n)
  const ending = sessions.end()
  expect(sessions.token()).toBeNull()
  await ending
  expect(sessions.getSnapshot()).toMatchObject({ live: null, past: { view: { status: 'closing' }, receipt: null } })
  await money.client.tell({ status: 'closed', atMs: 9_000 })
  await settle()
  const receipt = sessions.getSnapshot().past?.receipt
  expect(receipt === null || receipt === undefined ? null : receipt.paidAtomic + receipt.refundedAtomic).toBe(500_000n)
  sessions.dismiss()
  expect(sessions.getSnapshot().past).toBeNull()
  expect([...money.storage.keys()]).toEqual([])
})

test('a second session may open while the first is still being refunded', async () => {
  const money = await ready()
  const { sessions } = money.stores
  await sessions.open(500_000n)
  await sessions.end()
  await sessions.open(250_000n)
  expect(sessions.getSnapshot().live?.view.capAtomic).toBe(250_000n)
  sessions.close()
})

test('a reload goes on with the session; a session that the server forgot is dropped', async () => {
  const storage = new Map<string, string>()
  const money = await ready({ storage })
  await money.stores.sessions.open(500_000n)
  money.stores.sessions.close()

  const again = await ready({ storage })
  again.stores.sessions.resume()
  await settle()
  expect(again.stores.sessions.token()).toBe(fakeToken)
  again.stores.sessions.close()

  const forgotten = await ready({ storage })
  forgotten.client.events = () => {
    throw new ComputePoolError('payment_session_unknown', 'No such session.', { context: { httpStatus: 404 } })
  }
  forgotten.stores.sessions.resume()
  await settle()
  expect(forgotten.stores.sessions.token()).toBeNull()
  expect([...storage.keys()]).toEqual([])
})

test('a session whose token was lost is found by its wallet, and taken up with one signature that pays nothing', async () => {
  const money = await ready()
  const { sessions } = money.stores
  const opened = { session: sampleSession({ capAtomic: 700_000n }), token: fakeToken }
  money.client.payerSessions = [opened]
  await sessions.look(payerAccount.address)
  expect(sessions.getSnapshot()).toMatchObject({ live: null, foundCapAtomic: 700_000n })
  await Promise.all([sessions.takeUp(), sessions.takeUp()])
  expect(money.client.proofs).toHaveLength(1)
  expect(money.client.paid).toEqual([])
  const [{ payer, origin, issuedAt, signature }] = money.client.proofs as [Recovery]
  const { vault, chain } = sampleTerms()
  const terms = { chainId: chain.id, vault: vault as `0x${string}`, payer: payerAccount.address }
  expect([payer, origin, issuedAt]).toEqual([payerAccount.address, 'http://localhost:3000', 1_700_000_000])
  const typedData = recoveryTypedData({ ...terms, origin: 'http://localhost:3000', issuedAt })
  expect(signature).toBe(await payerAccount.signTypedData(typedData))
  expect(sessions.getSnapshot()).toMatchObject({ live: { view: { capAtomic: 700_000n } }, foundCapAtomic: null })
  expect(sessions.token()).toBe(fakeToken)
  sessions.close()
})

test('a session that this tab follows already is not offered again, and a declined proof changes nothing', async () => {
  const money = await ready()
  const { sessions } = money.stores
  money.client.payerSessions = [{ session: sampleSession(), token: fakeToken }]
  money.onSign = () => Promise.reject(new ComputePoolError('payment_signature_declined', 'Declined.'))
  await sessions.look(payerAccount.address)
  await sessions.takeUp()
  expect(sessions.getSnapshot()).toMatchObject({
    step: 'idle',
    live: null,
    foundCapAtomic: sampleSession().capAtomic,
    error: { code: 'payment_signature_declined' },
  })
  expect(money.client.proofs).toEqual([])
  money.onSign = async () => `0x${'11'.repeat(65)}`
  await sessions.takeUp()
  await sessions.look(payerAccount.address)
  expect(sessions.getSnapshot().foundCapAtomic).toBeNull()
  sessions.close()
})
