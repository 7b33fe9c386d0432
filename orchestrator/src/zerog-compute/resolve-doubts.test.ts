/** What is said of a doubted payout, held to a real chain: counted once, and never against what the chain shows. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedChain } from '@computepool/contracts/chain'
import { clientsFor, type SpawnedAnvil, spawnAnvil, testAccount } from '@computepool/contracts/testing'
import { createManualClock } from '@computepool/shared/testing'
import {
  type Hex,
  InternalRpcError,
  InvalidInputRpcError,
  LimitExceededRpcError,
  type PublicClient,
  parseEther,
  RpcRequestError,
  TransactionNotFoundError,
  TransactionReceiptNotFoundError,
} from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { createSignerQueue } from '../chain/signer-queue.ts'
import { type FeeBook, openFeeBook } from './fee-book.ts'
import { createDoubtResolver, type DoubtResolver } from './resolve-doubts.ts'
import { openSignerFile } from './signer-file.ts'

const provider = testAccount('doubting 0G provider')
const other = testAccount('doubting 0G provider’s other key')
const user: Hex = `0x${'a1'.repeat(20)}`
const amount = 30_000_000_000_000_000n

let anvil: SpawnedAnvil
let clients: ReturnType<typeof clientsFor>
let folder = ''
let made = 0
let book: FeeBook
let close: () => Promise<void>
/** Nodes forget: what the state was before now, and then transactions by their hash as well. */
let forgot: 'nothing' | 'states' | 'all' = 'nothing'
const missing = new Error('missing trie node')
/** What a node says that shows no old state. */
let atOldBlock: Error = missing
let keepsReceipts = true
let chainId = 31337
const notices: string[] = []
let resolver: DoubtResolver
let clock: ReturnType<typeof createManualClock>

beforeAll(async () => {
  anvil = await spawnAnvil()
  clients = clientsFor(embeddedChain(anvil.url), anvil.url)
  for (const { address } of [provider, other]) await clients.testClient.setBalance({ address, value: parseEther('10') })
}, 60_000)
afterAll(() => anvil?.close())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-doubts-'))
  forgot = 'nothing'
  atOldBlock = missing
  keepsReceipts = true
  chainId = 31337
  notices.length = 0
  // The payout is written before what pays it, by the chain's clock too.
  const { timestamp } = await clients.publicClient.getBlock()
  clock = createManualClock(Number(timestamp) * 1000 - 1000)
  await open()
})
afterEach(async () => {
  await close()
  await rm(folder, { recursive: true })
})

async function open(): Promise<void> {
  const onFault = (fault: unknown): void => {
    throw fault
  }
  const { publicClient } = clients
  const client = {
    ...publicClient,
    getChainId: async () => chainId,
    getTransaction: (async ({ hash }: { hash: Hex }) => {
      if (forgot === 'all') throw new TransactionNotFoundError({ hash })
      return publicClient.getTransaction({ hash })
    }) as unknown as PublicClient['getTransaction'],
    getTransactionReceipt: (async ({ hash }: { hash: Hex }) => {
      if (!keepsReceipts) throw new TransactionReceiptNotFoundError({ hash })
      return publicClient.getTransactionReceipt({ hash })
    }) as unknown as PublicClient['getTransactionReceipt'],
    getTransactionCount: (async (asked: Parameters<typeof publicClient.getTransactionCount>[0]) => {
      if (forgot !== 'nothing' && asked.blockNumber !== undefined) throw atOldBlock
      return publicClient.getTransactionCount(asked)
    }) as PublicClient['getTransactionCount'],
  } as PublicClient
  book = await openFeeBook({ file: join(folder, 'fees.jsonl'), clock, onFault })
  const store = await openSignerFile(join(folder, 'sent.jsonl'), onFault)
  const queue = createSignerQueue({ client, account: provider, chainId: 31337, store, clock })
  resolver = createDoubtResolver({
    ...{ book: book.earnings, chain: { id: 31337, name: 'embedded' }, queue, client },
    onNotice: text => void notices.push(text),
  })
  close = async () => {
    await queue.close()
    await store.end()
    await book.end()
  }
}

/** A hash may be told before its block is there. */
async function send(from: typeof provider, to: Hex, value: bigint, gas?: bigint): Promise<Hex> {
  const hash = await clients.wallet(from).sendTransaction({ to, value, gas })
  if (await clients.testClient.getAutomine()) await clients.publicClient.waitForTransactionReceipt({ hash })
  return hash
}

/** A payout of the amount, in doubt; `pay` says what really used its nonce. */
async function doubted(pay: (wallet: Hex) => Promise<Hex>, wallet = newWallet()) {
  book.add(user, amount, 'r', [[wallet, 1]])
  const { feeNeuron } = await book.write(user, 0n, 0n)
  const receivedNeuron = feeNeuron - book.earnings.totals().carriedNeuron
  await book.close(user, feeNeuron, { receivedNeuron, gasNeuron: 0n, cutNeuron: 0n })
  await book.earnings.writePayout(wallet, amount)
  const nonce = await clients.publicClient.getTransactionCount({ address: provider.address })
  const hash = await pay(wallet)
  await book.earnings.signed(wallet, { hash, nonce, raw: '0x02' })
  await book.earnings.doubt(wallet)
  return { wallet, nonce, hash }
}
const newWallet = (): Hex => testAccount(`doubted operator ${made++}`).address.toLowerCase() as Hex
const arrives = (wallet: Hex) => send(provider, wallet, amount)
/** Signed, and replaced by another: nobody ever sees the hash that the book has. */
const isReplaced = async (): Promise<Hex> => {
  await send(provider, user, 1n)
  return `0x${(made++).toString(16).padStart(64, 'd')}`
}
const told = (wallet: Hex) => {
  const { owedNeuron, paidNeuron, doubtedNeuron } = book.earnings.operator(wallet)
  return { owedNeuron, paidNeuron, doubtedNeuron }
}
const isOpen = { owedNeuron: 0n, paidNeuron: 0n, doubtedNeuron: amount }
const isPaid = { owedNeuron: 0n, paidNeuron: amount, doubtedNeuron: 0n }
const isOwed = { owedNeuron: amount, paidNeuron: 0n, doubtedNeuron: 0n }
/** Nothing is made or lost. */
function expectEqualMoney(): void {
  const { receivedNeuron, gasNeuron, cutNeuron, carriedNeuron } = book.earnings.totals()
  const all = book.earnings.operators().map(each => each.owedNeuron + each.paidNeuron + each.doubtedNeuron)
  expect(all.reduce((sum, each) => sum + each, carriedNeuron + gasNeuron + cutNeuron)).toBe(receivedNeuron)
}

it('counts a payment that the chain shows as paid, with its gas, once, and over a restart', async () => {
  const { wallet, nonce, hash } = await doubted(arrives)
  expect(resolver.list().doubts).toMatchObject([{ nonce, wallet, amountNeuron: String(amount), resolution: null }])
  const sent = { did: 'sent', hash } as const
  // Both at once, as of two terminals.
  const [first, second] = await Promise.all([resolver.resolve(nonce, sent), resolver.resolve(nonce, sent)])
  expect([first.isNew, second.isNew]).toEqual([true, false])
  expect(told(wallet)).toEqual(isPaid)
  expect(book.earnings.totals().gasNeuron).toBeGreaterThan(0n)
  expectEqualMoney()
  expect(notices).toEqual([expect.stringContaining(`sent by ${hash}`)])
  const before = [book.earnings.totals(), book.earnings.operators(), resolver.list()]
  await close()
  await open()
  expect([book.earnings.totals(), book.earnings.operators(), resolver.list()]).toEqual(before)
  expect((await resolver.resolve(nonce, sent)).isNew).toBe(false)
  await expect(resolver.resolve(nonce, { did: 'not-sent' })).rejects.toThrow(`is resolved: sent by ${hash}`)
  expect(told(wallet)).toEqual(isPaid)
})

it('takes no other transaction for the payment', async () => {
  const { wallet, nonce } = await doubted(isReplaced)
  const refused: [Hex, RegExp][] = [
    [await send(provider, wallet, amount - 1n), /is 0\.029\d+ 0G to .*and not 0\.03 0G/],
    [await send(provider, newWallet(), amount), /and not 0\.03 0G to/],
    [`0x${'ee'.repeat(32)}`, /knows no transaction/],
  ]
  for (const [hash, words] of refused)
    await expect(resolver.resolve(nonce, { did: 'sent', hash })).rejects.toThrow(words)
  await expect(resolver.resolve(nonce + 1, { did: 'not-sent' })).rejects.toThrow('No payout with nonce')
  expect([told(wallet), notices]).toEqual([isOpen, []])
  // By hand, with another key: its gas is nobody's here.
  const hash = await send(other, wallet, amount)
  await resolver.resolve(nonce, { did: 'sent', hash })
  expect([told(wallet), book.earnings.totals().gasNeuron]).toEqual([isPaid, 0n])
})

it('counts no payment for two: neither an earlier nor a later one of the same sum, nor one of another doubt', async () => {
  const wallet = newWallet()
  const earlier = await arrives(wallet)
  const one = await doubted(isReplaced, wallet)
  // What the wallet earned later, and was paid as always.
  book.add(user, amount, 'r', [[wallet, 1]])
  await book.write(user, 0n, 0n)
  await book.close(user, amount, { receivedNeuron: amount, gasNeuron: 0n, cutNeuron: 0n })
  await book.earnings.writePayout(wallet, amount)
  const later = await arrives(wallet)
  await book.earnings.signed(wallet, { hash: later, nonce: 10_000, raw: '0x02' })
  const claim = (nonce: number, hash: Hex) => resolver.resolve(nonce, { did: 'sent', hash })
  await expect(claim(one.nonce, later)).rejects.toThrow('is another payment')
  await book.earnings.paid(wallet, 0n)
  await close()
  await open()
  await expect(claim(one.nonce, later)).rejects.toThrow('is another payment')
  await expect(claim(one.nonce, earlier)).rejects.toThrow('is older')
  const two = await doubted(arrives, wallet)
  await expect(claim(one.nonce, two.hash)).rejects.toThrow('is another payment')
  await claim(two.nonce, two.hash)
  await expect(claim(one.nonce, two.hash)).rejects.toThrow('is another payment')
  expect(told(wallet)).toMatchObject({ doubtedNeuron: amount, paidNeuron: 2n * amount })
  expectEqualMoney()
})

it('owes it again where another transaction took its nonce, which it names', async () => {
  const { wallet, nonce } = await doubted(isReplaced)
  const { doubt } = await resolver.resolve(nonce, { did: 'not-sent' })
  const taker = await clients.publicClient.getTransaction({ hash: doubt.resolution!.hash as Hex })
  expect(taker).toMatchObject({ nonce, value: 1n })
  expect(told(wallet)).toEqual(isOwed)
  expectEqualMoney()
  expect((await resolver.resolve(nonce, { did: 'not-sent' })).isNew).toBe(false)
  expect(told(wallet)).toEqual(isOwed)
})

it('does not believe that nothing was sent where the chain has it, by its hash or by its nonce, or may have it yet', async () => {
  const here = await doubted(arrives)
  forgot = 'states'
  await expect(resolver.resolve(here.nonce, { did: 'not-sent' })).rejects.toThrow(`${here.hash} is on the chain`)
  forgot = 'nothing'
  // Priced anew, with a hash that the node no more finds.
  const { testClient } = clients
  let real: Hex = '0x'
  const hidden = await doubted(async wallet => {
    real = await arrives(wallet)
    return `0x${'dd'.repeat(32)}`
  })
  await expect(resolver.resolve(hidden.nonce, { did: 'not-sent' })).rejects.toThrow(
    `${real} is on the chain with that nonce: ${hidden.wallet} has it`,
  )
  await testClient.setAutomine(false)
  try {
    const waits = await doubted(arrives)
    await expect(resolver.resolve(waits.nonce, { did: 'not-sent' })).rejects.toThrow('may still arrive')
    await testClient.dropTransaction({ hash: waits.hash })
    await expect(resolver.resolve(waits.nonce, { did: 'not-sent' })).rejects.toThrow('is not used yet')
    for (const { wallet } of [here, hidden, waits]) expect(told(wallet)).toEqual(isOpen)
  } finally {
    await testClient.setAutomine(true)
  }
  // By the hash that the refusal named: whoever priced it anew by hand has it in no book.
  await resolver.resolve(hidden.nonce, { did: 'sent', hash: real })
  expect(told(hidden.wallet)).toEqual(isPaid)
  expectEqualMoney()
})

it('owes it again where the wallet refused it, with its gas', async () => {
  const refuses = newWallet()
  await clients.testClient.setCode({ address: refuses, bytecode: '0x60006000fd' })
  const { nonce, hash } = await doubted(wallet => send(provider, wallet, amount, 60_000n), refuses)
  await expect(resolver.resolve(nonce, { did: 'sent', hash })).rejects.toThrow('nothing arrived')
  const { doubt } = await resolver.resolve(nonce, { did: 'not-sent' })
  expect([doubt.resolution?.hash, told(refuses)]).toEqual([hash, isOwed])
  expect(book.earnings.totals().gasNeuron).toBeGreaterThan(21_000n)
  expectEqualMoney()
})

it('takes the provider’s word where no node shows what took the nonce, and says that it is no more than that', async () => {
  const { wallet, nonce } = await doubted(isReplaced)
  forgot = 'all'
  const { doubt } = await resolver.resolve(nonce, { did: 'not-sent' })
  expect(doubt.resolution).toMatchObject({ did: 'not-sent', hash: null })
  expect(notices).toEqual([expect.stringContaining('no node showed what took its nonce')])
  expect(told(wallet)).toEqual(isOwed)
})

const rpcError = (code: number, message: string): Error =>
  new RpcRequestError({ body: {}, url: 'https://archive.example.org', error: { code, message } })
it.each<[string, () => Error]>([
  ['is asked too often', () => new LimitExceededRpcError(rpcError(-32005, 'rate limit: archive plans have more'))],
  ['fails inside', () => new InternalRpcError(rpcError(-32603, 'internal error'))],
  ['lags behind', () => new InvalidInputRpcError(rpcError(-32000, 'header not found'))],
])('takes no word for it where the node only %s', async (_, fails) => {
  const { wallet, nonce } = await doubted(async to => {
    await arrives(to)
    return `0x${'dc'.repeat(32)}`
  })
  forgot = 'states'
  atOldBlock = fails()
  await expect(resolver.resolve(nonce, { did: 'not-sent' })).rejects.toMatchObject({ code: 'chain_unreachable' })
  expect([told(wallet), notices]).toEqual([isOpen, []])
  atOldBlock = new InvalidInputRpcError(rpcError(-32000, 'required historical state unavailable (reexec=128)'))
  expect((await resolver.resolve(nonce, { did: 'not-sent' })).doubt.resolution).toMatchObject({ hash: null })
})

it('believes nothing by what another chain shows', async () => {
  const { wallet, nonce, hash } = await doubted(isReplaced)
  chainId = 1
  for (const claim of [{ did: 'not-sent' }, { did: 'sent', hash }] as const) {
    const error = { code: 'chain_wrong', message: expect.stringContaining('chain 1') }
    await expect(resolver.resolve(nonce, claim)).rejects.toMatchObject(error)
  }
  expect([told(wallet), notices]).toEqual([isOpen, []])
})

it('tells a receipt that the node does not keep from a payment that waits', async () => {
  const { wallet, nonce, hash } = await doubted(arrives)
  keepsReceipts = false
  for (const claim of [{ did: 'sent', hash }, { did: 'not-sent' }] as const)
    await expect(resolver.resolve(nonce, claim)).rejects.toThrow('keeps no receipt of it')
  expect(told(wallet)).toEqual(isOpen)
})
