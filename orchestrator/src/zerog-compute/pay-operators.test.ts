/** Operators paid on a real chain: once, whatever is killed between, and never so that a payment that was refused is lost. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedChain } from '@computepool/contracts/chain'
import { clientsFor, type SpawnedAnvil, spawnAnvil, testAccount } from '@computepool/contracts/testing'
import { createManualClock } from '@computepool/shared/testing'
import { type Hex, type PublicClient, parseEther, TransactionNotFoundError } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { createSignerQueue } from '../chain/signer-queue.ts'
import { earningsOf } from './earnings-view.ts'
import { type FeeBook, openFeeBook } from './fee-book.ts'
import { createOperatorPayer, payTerms } from './pay-operators.ts'
import { openSignerFile } from './signer-file.ts'

const provider = testAccount('paying 0G provider')
const user: Hex = `0x${'a1'.repeat(20)}`
const amount = payTerms.atNeuron

let anvil: SpawnedAnvil
let clients: ReturnType<typeof clientsFor>
let folder = ''
let made = 0
const clock = createManualClock(Date.UTC(2026, 10, 22))
const faults: unknown[] = []
const notices: string[] = []
const newWallet = (): Hex => testAccount(`paid operator ${made++}`).address.toLowerCase() as Hex
const balanceOf = (address: Hex) => clients.publicClient.getBalance({ address })

beforeAll(async () => {
  anvil = await spawnAnvil()
  clients = clientsFor(embeddedChain(anvil.url), anvil.url)
  await clients.testClient.setBalance({ address: provider.address, value: parseEther('1000') })
}, 60_000)
afterAll(() => anvil?.close())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-pay-'))
  faults.length = 0
  notices.length = 0
})
afterEach(async () => {
  await clients.testClient.setAutomine(true)
  await rm(folder, { recursive: true })
})

class Killed extends Error {}

/** Everything that reaches disk or chain is a step; at the one that is named the process is gone, before it or after. */
function fate(dieAt: number, isAfter: boolean) {
  let steps = 0
  const gone = (): never => {
    throw new Killed(`killed at step ${dieAt}`)
  }
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    const at = ++steps
    if (at > dieAt || (at === dieAt && !isAfter)) gone()
    const done = await work()
    return at === dieAt ? gone() : done
  }
  return { step, steps: () => steps }
}
type Step = ReturnType<typeof fate>['step']

async function open(step: Step = work => work(), changes: Partial<PublicClient> = {}) {
  const onFault = (fault: unknown): void => void (fault instanceof Killed || faults.push(fault))
  const book = await openFeeBook({ file: join(folder, 'fees.jsonl'), clock, onFault })
  const { earnings } = book
  const mortal: FeeBook['earnings'] = {
    ...earnings,
    writePayout: (...said) => step(() => earnings.writePayout(...said)),
    signed: (...said) => step(() => earnings.signed(...said)),
    paid: (...said) => step(() => earnings.paid(...said)),
    putBack: (...said) => step(() => earnings.putBack(...said)),
    doubt: (...said) => step(() => earnings.doubt(...said)),
  }
  const file = await openSignerFile(join(folder, 'sent.jsonl'), onFault)
  const store = { ...file, add: (row: Parameters<typeof file.add>[0]) => step(() => file.add(row)) }
  const { publicClient } = clients
  const client = {
    ...publicClient,
    sendRawTransaction: (raw: Parameters<typeof publicClient.sendRawTransaction>[0]) =>
      step(() => publicClient.sendRawTransaction(raw)),
    ...changes,
  } as PublicClient
  const queue = createSignerQueue({ client, account: provider, chainId: 31337, store, clock })
  const onNotice = (text: string): void => void notices.push(text)
  const payer = createOperatorPayer({ book: mortal, queue, client, clock, onNotice, onFault })
  const round = async (): Promise<void> => {
    // What was sent is mined before it is looked for.
    await clients.testClient.mine({ blocks: 1 })
    await payer.follow()
    await payer.pay()
  }
  const end = async (): Promise<void> => {
    await queue.close()
    await file.end()
    await book.end()
  }
  return { book, queue, execute: queue.execute, pay: payer.pay, round, end }
}
type Opened = Awaited<ReturnType<typeof open>>

async function earn({ book }: Opened, ...wallets: Hex[]): Promise<void> {
  for (const wallet of wallets) {
    book.add(user, amount, 'r', [[wallet, 1]])
    const { feeNeuron } = await book.write(user, 0n, 0n)
    // The gas of payments before is made up for, so that each is owed the amount.
    const receivedNeuron = feeNeuron - book.earnings.totals().carriedNeuron
    await book.close(user, feeNeuron, { receivedNeuron, gasNeuron: 0n, cutNeuron: 0n })
  }
}
const told = ({ book }: Opened, wallet: Hex) => {
  const { owedNeuron, paidNeuron, payout } = book.earnings.operator(wallet)
  return { owedNeuron, paidNeuron, sendingNeuron: payout?.amountNeuron ?? 0n }
}
const isPaid = { owedNeuron: 0n, paidNeuron: amount, sendingNeuron: 0n }

it('pays each operator once, at whatever step it is killed, and what came after it as well', async () => {
  let walked = 0
  for (let dieAt = 1, isOver = false; !isOver; dieAt++) {
    for (const isAfter of [false, true]) {
      await rm(folder, { recursive: true })
      const [one, other] = [newWallet(), newWallet()]
      const { step, steps } = fate(dieAt, isAfter)
      const first = await open(step)
      await earn(first, one, other)
      await first.round().catch(() => {})
      await first.round().catch(() => {})
      await first.end()
      isOver = steps() < dieAt
      const second = await open()
      // Whatever else the key sends takes no payment's place.
      await second.round()
      const { hash } = await second.queue.submit(
        { to: user, data: '0x', valueWei: 1n, gasMultiplier: 1.3 },
        async () => {},
      )
      await second.round()
      await second.round()
      expect(await second.queue.receipt(hash)).toMatchObject({ status: 'success' })
      for (const wallet of [one, other]) {
        expect([dieAt, isAfter, told(second, wallet)]).toEqual([dieAt, isAfter, isPaid])
        expect([dieAt, isAfter, await balanceOf(wallet)]).toEqual([dieAt, isAfter, amount])
      }
      await second.end()
      walked++
    }
  }
  // Two payments of five steps each, before and after, and one walk that nothing ends.
  expect(walked).toBe(22)
  expect(faults).toEqual([])
}, 120_000)

it('pays once where the line is dead as a payment is sent, and the process lives on', async () => {
  const wallet = newWallet()
  let steps = 0
  const opened = await open(work => {
    // Written, signed and stored; this is the sending.
    if (++steps === 4) throw new Error('The line is dead.')
    return work()
  })
  await earn(opened, wallet)
  for (const _ of [1, 2, 3]) await opened.round()
  expect([told(opened, wallet), await balanceOf(wallet)]).toEqual([isPaid, amount])
  expect(faults.splice(0)).toHaveLength(1)
  await opened.end()
})

it('keeps owing whom no coins reach, says so, and pays the others meanwhile', async () => {
  const [refuses, turns, fine] = [newWallet(), newWallet(), newWallet()]
  const code = '0x60006000fd'
  await clients.testClient.setCode({ address: refuses, bytecode: code })
  const opened = await open()
  await earn(opened, refuses, turns, fine)
  await clients.testClient.setAutomine(false)
  await opened.round()
  // It took coins when it was asked, and takes none when they come.
  await clients.testClient.setCode({ address: turns, bytecode: code })
  const gasBefore = opened.book.earnings.totals().gasNeuron
  await opened.round()
  expect(told(opened, fine)).toEqual(isPaid)
  for (const wallet of [refuses, turns]) {
    expect(told(opened, wallet)).toEqual({ owedNeuron: amount, paidNeuron: 0n, sendingNeuron: 0n })
    expect(notices.filter(text => text.includes(wallet))).toHaveLength(1)
  }
  expect(opened.book.earnings.totals().gasNeuron).toBeGreaterThan(gasBefore + 21_000n)
  // Not at once again, over a restart either; and then with what changed.
  await opened.end()
  const again = await open()
  await again.round()
  expect(told(again, turns).sendingNeuron).toBe(0n)
  for (const address of [refuses, turns]) await clients.testClient.setCode({ address, bytecode: '0x' })
  await clock.advance(payTerms.restMs)
  await again.round()
  await again.round()
  for (const wallet of [refuses, turns])
    expect([told(again, wallet), await balanceOf(wallet)]).toEqual([isPaid, amount])
  await again.end()
  expect(faults).toEqual([])
})

it('puts a payment back whose nonce another transaction took, and not before that is sure', async () => {
  const wallet = newWallet()
  await clients.testClient.setAutomine(false)
  const opened = await open()
  await earn(opened, wallet)
  await opened.round()
  const [version] = opened.book.earnings.operator(wallet).payout!.versions
  await clients.testClient.dropTransaction({ hash: version!.hash })
  await clients.testClient.setAutomine(true)
  await clients.wallet(provider).sendTransaction({ to: user, value: 1n, nonce: version!.nonce })
  await opened.round()
  expect(told(opened, wallet)).toEqual({ owedNeuron: 0n, paidNeuron: 0n, sendingNeuron: amount })
  await clock.advance(payTerms.lostAfterMs)
  await opened.round()
  await opened.round()
  expect([told(opened, wallet), await balanceOf(wallet)]).toEqual([isPaid, amount])
  await opened.end()
})

it('pays nobody below the threshold, and nobody out of what it does not hold', async () => {
  const [little, much] = [newWallet(), newWallet()]
  const opened = await open()
  await earn(opened, much)
  opened.book.add(user, amount - 1n, 'r', [[little, 1]])
  await opened.book.write(user, 0n, 0n)
  await opened.book.close(user, amount - 1n, { receivedNeuron: amount - 1n, gasNeuron: 0n, cutNeuron: 0n })
  const { address } = provider
  await clients.testClient.setBalance({ address, value: amount })
  for (const _ of [1, 2]) await opened.round()
  expect(notices).toEqual([expect.stringMatching(/needs 0\.\d+ 0G more/)])
  await clients.testClient.setBalance({ address, value: parseEther('1000') })
  await opened.round()
  await opened.round()
  expect(told(opened, much)).toEqual(isPaid)
  expect(told(opened, little)).toEqual({ owedNeuron: amount - 1n, paidNeuron: 0n, sendingNeuron: 0n })
  await opened.end()
  expect(faults).toEqual([])
})

it('pays once where a node that lags behind its own says that the payment’s nonce is used', async () => {
  const wallet = newWallet()
  const { publicClient } = clients
  let isFirst = true
  const opened = await open(undefined, {
    // The answer is lost, and the same bytes again come too late: it is mined.
    sendRawTransaction: async raw => {
      if (isFirst) await publicClient.sendRawTransaction(raw)
      return publicClient.sendRawTransaction(raw)
    },
    getTransaction: (async ({ hash }: { hash: Hex }) => {
      if (!isFirst) return publicClient.getTransaction({ hash })
      isFirst = false
      throw new TransactionNotFoundError({ hash })
    }) as unknown as PublicClient['getTransaction'],
  })
  await earn(opened, wallet)
  for (const _ of [1, 2, 3]) await opened.round()
  expect([told(opened, wallet), await balanceOf(wallet)]).toEqual([isPaid, amount])
  expect(faults.splice(0)).toEqual([expect.objectContaining({ message: expect.stringMatching(/nonce/i) })])
  await opened.end()
})

it('keeps what a settlement needs, and counts what is on its way', async () => {
  const wallets = [newWallet(), newWallet(), newWallet()]
  const opened = await open()
  await earn(opened, ...wallets)
  await clients.testClient.setAutomine(false)
  const reserve = (await opened.queue.maxFeePerGas()) * 5_000_000n
  const { address } = provider
  // Enough for two of them, beside the reserve.
  await clients.testClient.setBalance({ address, value: reserve + (amount * 5n) / 2n })
  const sent = () => wallets.filter(wallet => told(opened, wallet).sendingNeuron > 0n).length
  await opened.pay()
  expect(sent()).toBe(2)
  await opened.pay()
  expect(sent()).toBe(2)
  await opened.round()
  expect(wallets.map(wallet => told(opened, wallet).paidNeuron)).toEqual([amount, amount, 0n])
  expect(await balanceOf(address)).toBeGreaterThan(reserve)
  expect([notices.length, faults]).toEqual([1, []])
  await clients.testClient.setBalance({ address, value: parseEther('1000') })
  await opened.round()
  await opened.round()
  expect(told(opened, wallets[2]!)).toEqual(isPaid)
  await opened.end()
})

it('lets settlements go on beside a payment that there is no money for, and pays it when there is', async () => {
  const [poor, fine] = [newWallet(), newWallet()]
  const { address } = provider
  let takesMoney = true
  const opened = await open(async work => {
    // All that the key has goes elsewhere before it is sent.
    if (takesMoney && opened?.book.earnings.operator(poor).payout?.versions.length === 1) {
      takesMoney = false
      await clients.testClient.setBalance({ address, value: amount / 2n })
    }
    return work()
  })
  await earn(opened, poor)
  await opened.round()
  await opened.round()
  // A settlement, as far as the key is concerned.
  let isSettled = false
  const settling = opened.execute({ to: user, data: '0x' }).finally(() => {
    isSettled = true
  })
  // A round trip each: what the chain takes is not to make hours of this clock.
  while (!isSettled) {
    await clients.publicClient.getChainId()
    await clock.advance(200)
  }
  expect(await settling).toMatchObject({ status: 'success' })
  await opened.round()
  expect(told(opened, poor)).toEqual({ owedNeuron: 0n, paidNeuron: 0n, sendingNeuron: amount })
  expect(notices).toEqual([expect.stringContaining(`to pay ${poor}`)])
  await clients.testClient.setBalance({ address, value: parseEther('1000') })
  await earn(opened, fine)
  await opened.round()
  await clock.advance(payTerms.lostAfterMs)
  for (const _ of [1, 2, 3]) await opened.round()
  for (const wallet of [poor, fine]) expect([told(opened, wallet), await balanceOf(wallet)]).toEqual([isPaid, amount])
  expect(faults.splice(0)).toHaveLength(1)
  await opened.end()
})

it('sets a payment aside of which nobody can see what became, once, and pays the wallet what comes later', async () => {
  const wallet = newWallet()
  await clients.testClient.setAutomine(false)
  const opened = await open()
  await earn(opened, wallet)
  await opened.round()
  const { hash, nonce } = opened.book.earnings.operator(wallet).payout!.versions[0]!
  await opened.end()
  await clients.testClient.dropTransaction({ hash })
  await clients.testClient.setAutomine(true)
  await clients.wallet(provider).sendTransaction({ to: user, value: 1n, nonce })
  // The pool stood still for days: the node may have forgotten what was mined.
  await clock.advance(3 * 24 * 3_600_000)
  const later = await open()
  await later.round()
  await clock.advance(payTerms.lostAfterMs)
  for (const _ of [1, 2]) await later.round()
  expect(told(later, wallet)).toEqual({ owedNeuron: 0n, paidNeuron: 0n, sendingNeuron: 0n })
  expect(faults.splice(0)).toEqual([expect.objectContaining({ message: expect.stringContaining(hash) })])
  await earn(later, wallet)
  for (const _ of [1, 2]) await later.round()
  expect([told(later, wallet), await balanceOf(wallet)]).toEqual([isPaid, amount])
  await later.end()
  const again = await open()
  const terms = { chainId: 1, provider: provider.address, cutBasisPoints: 0, payoutAtNeuron: amount }
  expect(earningsOf(again.book.earnings, terms, wallet).operators).toEqual([
    { wallet, owedNeuron: '0', sendingNeuron: '0', paidNeuron: String(amount), doubtedNeuron: String(amount) },
  ])
  await again.end()
  expect(faults).toEqual([])
})
