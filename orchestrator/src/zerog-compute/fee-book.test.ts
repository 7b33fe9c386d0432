/** The fee book on a real disk: that its file stays short while the pool runs, and says all the same what is owed. */
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createManualClock } from '@computepool/shared/testing'
import type { Hex } from 'viem'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type FeeBook, openFeeBook } from './fee-book.ts'

const [ann, ben]: [Hex, Hex] = [`0x${'a1'.repeat(20)}`, `0x${'b2'.repeat(20)}`]
const clock = createManualClock(Date.UTC(2026, 10, 22))
/** More than a file takes before it is shortened. */
const many = 5_000

let folder = ''
let faults: unknown[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-book-'))
  faults = []
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

const file = () => join(folder, 'fees.jsonl')
const openBook = () => openFeeBook({ file: file(), clock, onFault: fault => void faults.push(fault) })
const linesOf = async () => (await readFile(file(), 'utf8')).trimEnd().split('\n').length
const addMany = (book: FeeBook, user: Hex) => {
  for (let at = 0; at < many; at++) book.add(user, 1n, `r${at}`)
}
/** What a book of these acts would say that never was shortened or opened anew. */
const requestsOf = async (act: (book: FeeBook) => void) => {
  const book = await openFeeBook({ file: join(folder, 'other.jsonl'), clock, onFault: () => {} })
  act(book)
  const { requestsHash } = await book.write(ann, 0n, 0n)
  await book.end()
  return requestsHash
}

it('stays short while it is open, and loses and doubles nothing of what comes meanwhile', async () => {
  const book = await openBook()
  const vouchers = []
  for (let round = 1; round <= 3; round++) {
    addMany(book, ann)
    const written = book.write(ann, 0n, 0n)
    // On the disk after the voucher, and none of its own.
    book.add(ann, 2n, 'late')
    vouchers.push(await written)
    addMany(book, ben)
    await book.close(ann, vouchers.at(-1)!.feeNeuron)
  }
  addMany(book, ben)
  const { nonce } = await book.write(ben, 0n, 7n)
  const debts = book.debts()
  await book.end()
  expect(vouchers.map(({ feeNeuron }) => feeNeuron)).toEqual([5_000n, 5_002n, 5_002n])
  expect(await linesOf()).toBeLessThan(many)
  const again = await openBook()
  expect(again.debts()).toEqual(debts)
  expect(again.owedNeuron(ben)).toBe(20_000n)
  expect((await again.write(ann, 0n, 0n)).nonce).toBeGreaterThan(nonce)
  await again.end()
  expect(faults).toEqual([])
})

it('names each request in one voucher, whether it came before the voucher was on the disk or after', async () => {
  const book = await openBook()
  book.add(ann, 1n, 'r1')
  const first = book.write(ann, 0n, 0n)
  book.add(ann, 1n, 'r2')
  await book.close(ann, (await first).feeNeuron)
  expect((await first).requestsHash).toBe(await requestsOf(other => other.add(ann, 1n, 'r1')))
  expect((await book.write(ann, 0n, 0n)).requestsHash).toBe(await requestsOf(other => other.add(ann, 1n, 'r2')))
  await book.end()
})

it('shows no voucher that is not on the disk', async () => {
  const book = await openBook()
  book.add(ann, 1n, 'r1')
  const any = await open(join(folder, 'any'), 'w')
  await any.close()
  const full = new Error('The disk is full.')
  vi.spyOn(Object.getPrototypeOf(any), 'appendFile').mockRejectedValue(full)
  await expect(book.write(ann, 0n, 0n)).rejects.toBe(full)
  expect(book.debts()).toMatchObject([{ user: ann, voucher: null }])
  expect(book.problem()).toContain('could not be written')
  await book.end()
})

it('goes on in the long file where it cannot be shortened', async () => {
  const book = await openBook()
  const handle = await open(join(folder, 'any'), 'w')
  await handle.close()
  const full = new Error('The disk is full.')
  const failing = vi.spyOn(Object.getPrototypeOf(handle), 'writeFile').mockRejectedValue(full)
  addMany(book, ann)
  await book.write(ann, 0n, 0n)
  await book.close(ann, 1n)
  failing.mockRestore()
  expect(faults).toEqual([full])
  expect(book.problem()).toBeNull()
  await book.end()
  expect(await linesOf()).toBeGreaterThan(many)
  const again = await openBook()
  expect(again.owedNeuron(ann)).toBe(BigInt(many) - 1n)
  await again.end()
})
