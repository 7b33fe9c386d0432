/** Settlement where something beside it fails: the disk that the fee book lies on, or what the chain knows of one user. The contract is played. */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createManualClock } from '@computepool/shared/testing'
import { type Address, type Hex, parseEther } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { openFeeBook } from './fee-book.ts'
import type { ServingClient } from './serving-client.ts'
import { createSettler } from './settle-fees.ts'

const signer = privateKeyToAccount(`0x${'5b'.repeat(32)}`)
const [ann, ben, cas] = ['a1', 'b2', 'c3'].map(byte => `0x${byte.repeat(20)}` as Address) as [Address, Address, Address]
const provider: Address = `0x${'22'.repeat(20)}`
const down = new Error('The disk is full.')

let folder = ''
let clock: ReturnType<typeof createManualClock>
let paid: { user: Address; fee: bigint }[] = []
let nonces: Map<Address, bigint>
let faults: unknown[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-doubt-'))
  clock = createManualClock(Date.UTC(2026, 10, 22))
  paid = []
  nonces = new Map()
  faults = []
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

/** Pays every item whose nonce is above the user's last. */
const contract: ServingClient = {
  ...{ serving: `0x${'33'.repeat(20)}`, provider },
  service: async () => ({
    ...{ serviceType: 'chatbot', url: 'https://a.example', model: 'tiny', verifiability: 'x', additionalInfo: '{}' },
    ...{ inputPriceNeuron: 1n, outputPriceNeuron: 2n, signer: signer.address, isAcknowledged: true },
  }),
  account: async user => ({
    ...{ nonce: nonces.get(user) ?? 0n, balanceNeuron: parseEther('1'), pendingRefundNeuron: 0n },
    ...{ isAcknowledged: true, generation: 0n, revokedBitmap: 0n },
  }),
  leastStakeNeuron: async () => 0n,
  blockNumber: async () => 1n,
  register: async () => ({ did: 'nothing', transaction: null }),
  remove: async () => ({ did: 'nothing', transaction: null }),
  settle: async items =>
    items.map(({ user, nonce, totalFee }) => {
      const [transaction, gasNeuron]: [Hex, bigint] = ['0x', 0n]
      if (nonce <= (nonces.get(user) ?? 0n))
        return { status: 'invalid-nonce', unsettledNeuron: totalFee, gasNeuron, transaction }
      nonces.set(user, nonce)
      paid.push({ user, fee: totalFee })
      return { status: 'success', unsettledNeuron: 0n, gasNeuron, transaction }
    }),
  outcomeOf: async () => null,
}

const start = async (serving: ServingClient = contract) => {
  const onFault = (fault: unknown) => void faults.push(fault)
  const book = await openFeeBook({ file: join(folder, 'fees.jsonl'), clock, onFault })
  const settler = createSettler({
    ...{ book, serving, chainId: 31337, signer: async () => signer, clock, onFault, onSettled: () => {} },
  })
  return { book, settle: () => settler.settle({ isAll: true }), end: () => settler.close().then(book.end) }
}

/** From here on no file takes a line more, until it is given back. */
const fillDisk = async () => {
  const handle = await open(join(folder, 'any'), 'w')
  await handle.close()
  return vi.spyOn(Object.getPrototypeOf(handle), 'appendFile').mockRejectedValue(down)
}

it('asks nobody for a fee that the disk does not name, and after a restart asks once', async () => {
  const first = await start()
  first.book.add(ann, 7n, 'r1')
  first.book.add(ben, 5n, 'r2')
  // Both are on the disk when this one is.
  await first.book.write(ben, 0n, 1n)
  const full = await fillDisk()
  expect((await first.settle()).problem).toContain('could not be written')
  full.mockRestore()
  // The disk has room again; what it missed is not known, so nothing is settled by this process.
  expect((await first.settle()).problem).toContain('could not be written')
  expect(faults).toEqual([down])
  expect(paid).toEqual([])
  await first.end()
  const second = await start()
  expect(await second.settle()).toMatchObject({ problem: null, unsettledNeuron: '0' })
  expect(paid).toEqual([
    { user: ann, fee: 7n },
    { user: ben, fee: 5n },
  ])
  await second.end()
})

it('asks once for a fee whose payment could not be written down', async () => {
  const first = await start({
    ...contract,
    settle: items => fillDisk().then(() => contract.settle(items)),
    outcomeOf: async () => ({ status: 'success', unsettledNeuron: 0n, gasNeuron: 0n, transaction: '0x' }),
  })
  first.book.add(ann, 7n, 'r1')
  first.book.add(ben, 5n, 'r2')
  const told = await first.settle()
  expect(told.items.map(({ user, outcome }) => ({ user, outcome }))).toEqual([
    { user: ann, outcome: 'unknown' },
    { user: ben, outcome: 'unknown' },
  ])
  expect(told.problem).toContain('could not be written')
  await first.end()
  vi.restoreAllMocks()
  const second = await start()
  expect((await second.settle()).unsettledNeuron).toBe('0')
  expect(paid).toHaveLength(2)
  await second.end()
})

it('settles the others’ fees while one user’s cannot be looked up', async () => {
  const pruned = new Error('The logs of block 1 are gone.')
  const { book, settle, end } = await start({ ...contract, outcomeOf: () => Promise.reject(pruned) })
  book.add(ann, 7n, 'r1')
  // Sent and mined, and never heard of.
  nonces.set(ann, (await book.write(ann, 0n, 1n)).nonce)
  book.add(ben, 5n, 'r2')
  book.add(cas, 3n, 'r3')
  expect(await settle()).toMatchObject({
    items: [
      { user: ann, outcome: 'unknown', feeNeuron: '7', unsettledNeuron: '7' },
      { user: ben, outcome: 'success' },
      { user: cas, outcome: 'success' },
    ],
    ...{ problem: null, unsettledNeuron: '7' },
  })
  expect(faults).toEqual([pruned])
  await end()
  const later = await start({
    ...contract,
    outcomeOf: async () => ({ status: 'partial', unsettledNeuron: 2n, gasNeuron: 0n, transaction: '0x' }),
  })
  expect((await later.settle()).unsettledNeuron).toBe('2')
  await later.end()
})
