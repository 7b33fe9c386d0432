import type { Receipt, ReceiptBody, ReceiptSigner } from '@computepool/shared/receipts'
import { describe, expect, it } from 'vitest'
import { fakeSigner } from '../../testing/fake-receipts.ts'
import type { FakeTab, FakeTabOptions } from '../../testing/fake-tab.ts'
import { createTestPool, type TestPool } from '../../testing/test-pool.ts'

type Give = NonNullable<FakeTabOptions['receipt']>

const honest: Give = (body, signer) => signer.sign(body)
const silent: Give = () => null
/** Says that it sent something else than what arrived. */
const other: Give = (body, signer) => signer.sign({ ...body, outHead: 'ee'.repeat(32) })
/** Signed with a key that its wallet did not vouch for. */
const forged: Give = body => fakeSigner('f'.repeat(32)).sign(body)

/** A ring of tabs that give their receipts so, in the order of its seats. A tab's way may change. */
async function openRing(...gives: Give[]) {
  const pool = createTestPool({ minSeats: gives.length, maxSeats: gives.length })
  const ways = new Map<string, Give>()
  const give =
    (peer: () => string): Give =>
    (body: ReceiptBody, signer: ReceiptSigner): Receipt | null =>
      (ways.get(peer()) ?? honest)(body, signer)
  const tabs: FakeTab[] = gives.map((_, index) =>
    pool.hub.tab(index + 1, { model: pool.model, receipt: give(() => tabs[index]!.peer) }),
  )
  for (const tab of tabs) tab.join()
  await pool.clock.settle()
  const seats = tabs.sort((a, b) => a.assignment().seat - b.assignment().seat)
  seats.forEach(({ peer }, seat) => {
    ways.set(peer, gives[seat]!)
  })
  const change = (seat: number, way: Give): void => void ways.set(seats[seat]!.peer, way)
  return { pool, seats, change }
}

/** One answer of three tokens, whole for whoever asked. */
async function answer(pool: TestPool, entry: FakeTab): Promise<void> {
  const reply = pool.chat({ max_tokens: 3 })
  const job = await entry.nextJob()
  entry.flow(job.requestId)
  entry.draw(job, 3)
  entry.finish(job.requestId, 'length')
  const said = (await (await reply).json()) as { choices: { finish_reason: string }[]; usage: object }
  expect(said).toMatchObject({ choices: [{ finish_reason: 'length' }], usage: { completion_tokens: 3 } })
}

const reasons = (pool: TestPool): (string | undefined)[] =>
  pool.desk
    .snapshot()
    .seats.map(({ reason }) => reason?.match(/^Earns nothing for now: .*? more whole receipts?\./)?.[0])

async function verdicts(pool: TestPool): Promise<string[]> {
  const text = await (await pool.app.request('/metrics')).text()
  return text.split('\n').filter(line => line.startsWith('computepool_receipts_total'))
}

it('an honest ring earns on, and its answers are receipted', async () => {
  const { pool, seats } = await openRing(honest, honest, honest)
  await answer(pool, seats[0]!)
  await answer(pool, seats[0]!)
  expect(await verdicts(pool)).toEqual(['computepool_receipts_total{verdict="whole"} 2'])
  await pool.clock.advance(200_000)
  expect(reasons(pool)).toEqual([undefined, undefined, undefined])
})

it('who gives no receipt in ten seconds earns nothing, is told why, and the others earn on', async () => {
  const { pool, seats } = await openRing(honest, silent, honest)
  await answer(pool, seats[0]!)
  await pool.clock.advance(9999)
  expect([reasons(pool), await verdicts(pool)]).toEqual([[undefined, undefined, undefined], []])
  await pool.clock.advance(1)
  const why = 'Earns nothing for now: Seat 1 gave no receipt. It earns again after 3 more whole receipts.'
  expect(reasons(pool)).toEqual([undefined, why, undefined])
  expect(seats.map(({ peer }) => pool.desk.withheld.isWithheld(peer.slice(0, 42)))).toEqual([false, true, false])
  expect(await verdicts(pool)).toEqual(['computepool_receipts_total{verdict="missing"} 1'])
  // The page draws it as it comes.
  const shown = (await (await pool.app.request('/api/pool')).json()) as { seats: { reason?: string }[] }
  expect(shown.seats[1]!.reason).toContain(why)
})

it('who owes a receipt after three seconds is told itself that the answer is over: a neighbour may have kept that from it', async () => {
  const late: ReceiptBody[] = []
  const givesLate: Give = body => {
    late.push(body)
    return null
  }
  const { pool, seats } = await openRing(honest, givesLate, honest)
  await answer(pool, seats[0]!)
  await pool.clock.advance(2999)
  expect(seats.map(({ cancelled }) => cancelled.length)).toEqual([0, 0, 0])
  await pool.clock.advance(1)
  const { requestId } = late[0]!
  expect(seats.map(({ cancelled }) => cancelled)).toEqual([[], [requestId], []])
  seats[1]!.say({ type: 'request-receipted', ...fakeSigner(seats[1]!.peer).sign(late[0]!) })
  expect(await verdicts(pool)).toEqual(['computepool_receipts_total{verdict="whole"} 1'])
  await pool.clock.advance(20_000)
  expect([reasons(pool), seats[1]!.cancelled.length]).toEqual([[undefined, undefined, undefined], 1])
})

it('where two neighbours say different things both earn nothing, and both are told', async () => {
  const { pool, seats } = await openRing(other, honest, honest)
  await answer(pool, seats[0]!)
  const why =
    'Earns nothing for now: What seat 0 says it sent is not what seat 1 says it received. It earns again after 3 more whole receipts.'
  expect(reasons(pool)).toEqual([why, why, undefined])
  expect(await verdicts(pool)).toEqual(['computepool_receipts_total{verdict="broken"} 1'])
})

it('a receipt that its session key did not sign is its giver’s fault alone', async () => {
  const { pool, seats } = await openRing(honest, forged, honest)
  await answer(pool, seats[0]!)
  expect(reasons(pool).map(why => why?.includes('Seat 1') || why?.includes('seat 1'))).toEqual([
    undefined,
    true,
    undefined,
  ])
  expect(await verdicts(pool)).toEqual(['computepool_receipts_total{verdict="forged"} 1'])
})

it('three whole receipts, one after the other, and it earns again', async () => {
  const { pool, seats, change } = await openRing(honest, silent)
  const [entry] = seats
  await answer(pool, entry!)
  await pool.clock.advance(10_000)
  change(1, honest)
  const left: (string | undefined)[] = []
  const note = () => left.push(reasons(pool)[1]?.match(/after (.*)\.$/)?.[1])
  await answer(pool, entry!)
  note()
  change(1, silent)
  await answer(pool, entry!)
  await pool.clock.advance(10_000)
  note()
  change(1, honest)
  for (let turn = 0; turn < 3; turn++) {
    await answer(pool, entry!)
    note()
  }
  expect(left).toEqual([
    '2 more whole receipts',
    '3 more whole receipts',
    '2 more whole receipts',
    'one more whole receipt',
    undefined,
  ])
})

it('of a ring that was lost nobody who vanished owes a receipt', async () => {
  const { pool, seats } = await openRing(honest, honest)
  const reply = pool.chat({ max_tokens: 3 })
  const job = await seats[0]!.nextJob()
  seats[0]!.draw(job, 2)
  seats[1]!.vanish()
  await pool.clock.advance(60_000)
  await reply
  for (const { peer } of seats) expect(pool.desk.withheld.reasonOf(peer.slice(0, 42))).toBe(null)
})

it('who goes later than its receipt would have come owes it still', async () => {
  for (const [waitMs, isOwed] of [
    [4000, false],
    [6000, true],
  ] as const) {
    const { pool, seats } = await openRing(honest, silent)
    await answer(pool, seats[0]!)
    await pool.clock.advance(waitMs)
    seats[1]!.vanish()
    await pool.clock.advance(10_000)
    expect(seats.map(({ peer }) => pool.desk.withheld.isWithheld(peer.slice(0, 42)))).toEqual([false, isOwed])
  }
})

describe('a tab that stands still', () => {
  const report = { type: 'stats-reported', requests: 1, stepMs: 1, weightsBytes: 1, kvBytes: 1 } as const
  async function openStill() {
    let kept: (() => void) | null = null
    const still: Give = (body, signer) => {
      kept = () => tab.say({ type: 'request-receipted', ...signer.sign(body) })
      return null
    }
    const { pool, seats } = await openRing(honest, still, silent)
    const tab = seats[1]!
    const move = (): void => tab.say({ ...report, tokensServed: 0, isHidden: true })
    move()
    await answer(pool, seats[0]!)
    return { pool, move, give: () => kept!() }
  }

  it('is waited for, and those behind it, until it has moved for ten seconds', async () => {
    const { pool, move, give } = await openStill()
    await pool.clock.advance(30_000)
    expect(reasons(pool)).toEqual([undefined, undefined, undefined])
    for (let second = 0; second < 11; second++) {
      move()
      if (second === 5) give()
      if (second < 10) expect(reasons(pool)).toEqual([undefined, undefined, undefined])
      await pool.clock.advance(1000)
    }
    expect(reasons(pool).map(why => why !== undefined)).toEqual([false, false, true])
  })

  it('is not waited for longer than two minutes', async () => {
    const { pool } = await openStill()
    await pool.clock.advance(119_000)
    expect(reasons(pool)).toEqual([undefined, undefined, undefined])
    await pool.clock.advance(1000)
    expect(reasons(pool).map(why => why !== undefined)).toEqual([false, true, true])
  })
})

it('an attempt that drew no token is owed nothing', async () => {
  const { pool, seats } = await openRing(silent, silent)
  const leaving = new AbortController()
  const reply = pool.chat({ max_tokens: 3 }, leaving.signal)
  const { requestId } = await seats[0]!.nextJob()
  seats[0]!.flow(requestId)
  leaving.abort()
  await reply.catch(() => {})
  await pool.clock.advance(60_000)
  expect([reasons(pool), await verdicts(pool)]).toEqual([[undefined, undefined], []])
})

it('a wallet stays without units under another tab, and in another ring', async () => {
  const { pool, seats } = await openRing(honest, silent)
  await answer(pool, seats[0]!)
  await pool.clock.advance(10_000)
  const [, cheat] = seats
  cheat!.leave()
  const wallet = Number(cheat!.peer.slice(2, 42))
  pool.hub.tab(wallet, { model: pool.model, start: 77 }).join()
  await pool.clock.advance(60_000)
  const shown = pool.desk.snapshot().seats.filter(({ reason }) => reason?.startsWith('Earns nothing'))
  expect(shown.map(({ peer }) => peer)).toEqual([`${cheat!.peer.slice(0, 42)}.00000077`])
})

it('leaves no timer behind, nor takes a receipt of what it never sent', async () => {
  const { pool, seats } = await openRing(honest, silent)
  await answer(pool, seats[0]!)
  const body = { coalition: 'c', epoch: 1, requestId: 'nobody', seat: 0, layers: { start: 0, end: 1 } }
  const empty = {
    inSteps: 0,
    outSteps: 0,
    inHead: '00'.repeat(32),
    outHead: '00'.repeat(32),
    recent: '',
    rowSteps: 0,
    rowHead: '',
  }
  const receipt = { ...body, ...empty, lastTokens: [], sketch: '', nonce: '' }
  seats[0]!.say({ type: 'request-receipted', ...fakeSigner(seats[0]!.peer).sign(receipt) })
  pool.desk.close()
  await pool.clock.advance(60_000)
  expect([pool.clock.pending, pool.faults, await verdicts(pool)]).toEqual([0, [], []])
})
