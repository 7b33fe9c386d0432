/** That no neuron is made or lost between what 0G's users pay and what operators are owed, whatever comes in which order, over restarts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import { type FeeBook, openFeeBook } from './fee-book.ts'
import { cutOf, type Served } from './split-fee.ts'
import { countServed } from './who-served.ts'

const addressOf = (byte: number): Hex => `0x${byte.toString(16).padStart(2, '0').repeat(20)}`
const hashOf = (at: number): Hex => `0x${at.toString(16).padStart(64, '0')}`
const [ann, ben] = [addressOf(0xa1), addressOf(0xb2)]
const neuron = fc.bigInt(0n, 10n ** 20n)
const served = fc
  .uniqueArray(fc.integer({ min: 1, max: 5 }), { maxLength: 5 })
  .chain(wallets =>
    fc.tuple(...wallets.map(wallet => fc.tuple(fc.constant(addressOf(wallet)), fc.integer({ min: 1, max: 50_000 })))),
  )
const user = fc.constantFrom(ann, ben)
const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('fee' as const), user, fee: neuron, served }) },
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ do: fc.constant('settle' as const), user, paidPermille: fc.constantFrom(0n, 1n, 333n, 1000n) },
      // Mostly little, or nobody would ever be owed anything.
      ...{ gas: fc.oneof(neuron, fc.bigInt(0n, 100n), fc.constant(0n)), isSeen: fc.boolean() },
      cut: fc.oneof(fc.integer({ min: 0, max: 10_000 }), fc.constant(250)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pay' as const),
      end: fc.constantFrom('paid', 'refused', 'doubted', 'doubted'),
      gas: neuron,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('resolve' as const),
      did: fc.constantFrom('sent' as const, 'not-sent' as const),
      gas: neuron,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)

it('divides all that was received: owed + sending + paid + doubted + carried + gas + cut', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'computepool-earnings-'))
  let runs = 0
  let resolved = 0
  const property = fc.asyncProperty(fc.array(act, { minLength: 25, maxLength: 40 }), async acts => {
    const file = join(folder, `${runs++}.jsonl`)
    const open = (): Promise<FeeBook> => openFeeBook({ file, clock: { wallMs: () => 1 }, onFault: () => {} })
    let book = await open()
    let received = 0n
    let nonces = 0
    for (const one of acts) {
      if (one.do === 'fee') book.add(one.user, one.fee, 'r', one.served as Served)
      else if (one.do === 'settle' && book.owedNeuron(one.user) > 0n) {
        const { feeNeuron } = await book.write(one.user, 0n, 0n)
        // What comes meanwhile is the next voucher's.
        book.add(one.user, 7n, 'late', [[addressOf(6), 1]])
        const paid = (feeNeuron * one.paidPermille) / 1000n
        const receivedNeuron = one.isSeen ? paid : 0n
        received += receivedNeuron
        const cutNeuron = cutOf(receivedNeuron, one.cut)
        await book.close(one.user, paid, { receivedNeuron, gasNeuron: one.gas, cutNeuron })
      } else if (one.do === 'pay') {
        for (const { wallet, owedNeuron, payout } of book.earnings.operators()) {
          if (payout === null && owedNeuron > 0n) {
            await book.earnings.writePayout(wallet, owedNeuron)
            await book.earnings.signed(wallet, { hash: hashOf(++nonces), nonce: nonces, raw: '0x02' })
          } else if (payout !== null && one.end === 'paid') await book.earnings.paid(wallet, one.gas)
          else if (payout !== null && one.end === 'doubted') await book.earnings.doubt(wallet)
          else if (payout !== null) await book.earnings.putBack(wallet, one.gas, 0)
        }
      } else if (one.do === 'resolve') {
        for (const { wallet, doubts } of book.earnings.operators()) {
          const open = doubts.find(({ resolution }) => resolution === null)
          if (open === undefined) continue
          const resolve = () => book.earnings.resolve(wallet, open.nonce, { did: one.did, hash: null }, one.gas)
          resolved++
          await resolve()
          const after = [book.earnings.totals(), book.earnings.operator(wallet)]
          // Over is over, whoever says so again.
          await resolve()
          expect([book.earnings.totals(), book.earnings.operator(wallet)]).toEqual(after)
        }
      } else if (one.do === 'restart') {
        const before = [book.earnings.totals(), book.earnings.operators(), book.debts()]
        await book.end()
        book = await open()
        expect([book.earnings.totals(), book.earnings.operators(), book.debts()]).toEqual(before)
      }
      const { receivedNeuron, gasNeuron, cutNeuron, carriedNeuron } = book.earnings.totals()
      expect(receivedNeuron).toBe(received)
      let sum = carriedNeuron + gasNeuron + cutNeuron
      for (const { owedNeuron, paidNeuron, doubtedNeuron, payout, doubts } of book.earnings.operators()) {
        const open = doubts.filter(({ resolution }) => resolution === null)
        expect(open.reduce((all, { amountNeuron }) => all + amountNeuron, 0n)).toBe(doubtedNeuron)
        expect(owedNeuron).toBeGreaterThanOrEqual(0n)
        sum += owedNeuron + paidNeuron + doubtedNeuron + (payout?.amountNeuron ?? 0n)
      }
      expect(sum).toBe(received)
    }
    await book.end()
  })
  await fc.assert(property, { numRuns: 40 })
  // Short walks pay nobody, and then all of this is true of nothing.
  expect(resolved).toBeGreaterThan(0)
  await rm(folder, { recursive: true })
})

it('gives each operator its part of what was paid, and what rounding leaves to the next', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'computepool-earnings-'))
  const book = await openFeeBook({ file: join(folder, 'f.jsonl'), clock: { wallMs: () => 1 }, onFault: () => {} })
  const [one, two, three] = [addressOf(1), addressOf(2), addressOf(3)]
  const owed = () => [one, two, three].map(wallet => book.earnings.operator(wallet).owedNeuron)
  const pay = async (paid: bigint, gasNeuron: bigint, cutNeuron: bigint) => {
    await book.write(ann, 0n, 0n)
    await book.close(ann, paid, { receivedNeuron: paid, gasNeuron, cutNeuron })
  }
  book.add(ann, 1_000n, 'r1', [
    [one, 750],
    [two, 250],
  ])
  // A quarter is paid, gas and cut are 50 of it.
  await pay(250n, 40n, 10n)
  expect(owed()).toEqual([150n, 50n, 0n])
  // The rest stays theirs, beside a fee that another ring earned.
  book.add(ann, 250n, 'r2', [[three, 9]])
  await pay(1_000n, 0n, 0n)
  expect(owed()).toEqual([150n + 562n, 50n + 187n, 250n])
  expect(book.earnings.totals().carriedNeuron).toBe(1n)
  // Gas is more than all of it: nobody gets anything, and the next have less.
  book.add(ann, 5n, 'r3', [[one, 1]])
  await pay(5n, 16n, 0n)
  expect(book.earnings.totals().carriedNeuron).toBe(-10n)
  // Nobody served it: whoever serves next has it.
  book.add(ann, 20n, 'r4')
  await pay(20n, 0n, 0n)
  book.add(ann, 20n, 'r5', [[three, 1]])
  await pay(20n, 0n, 0n)
  expect(owed()).toEqual([712n, 237n, 280n])
  await book.end()
  await rm(folder, { recursive: true })
})

it('counts each ring of an answer by the tokens that it drew', () => {
  const count = countServed()
  count.began([[ann, 600]])
  count.ended(3)
  // A ring that drew nothing has nothing of an answer that others gave.
  count.began([[addressOf(9), 1000]])
  count.ended(0)
  count.began([
    [ann, 400],
    [ben, 600],
  ])
  count.ended(2)
  expect(count.served()).toEqual([
    [ann, 600 * 3 + 400 * 2],
    [ben, 600 * 2],
  ])
  const silent = countServed()
  silent.began([[ben, 5]])
  silent.ended(0)
  expect(silent.served()).toEqual([[ben, 5]])
})
