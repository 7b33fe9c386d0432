/** What looking at tokens costs of the chain, counted in its calls: a crowd of users, a long past, a restart, blocks that are taken back. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTestInft, type TestInft, testAccount } from '@computepool/contracts/testing'
import {
  type Address,
  createPublicClient,
  custom,
  type Hex,
  HttpRequestError,
  type PublicClient,
  TimeoutError,
} from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { openKeptFile } from './kept-file.ts'
import { createHistories, keptHistoriesSchema } from './kept-histories.ts'
import { createTokenViews } from './token-views.ts'

const owner = testAccount('shown owner')
let inft: TestInft
let folder = ''
let methods: string[] = []
let logsFrom: bigint[] = []
/** What the node says to a question about many at once. */
let saysToMany: Error | null = null
const faults: unknown[] = []

beforeAll(async () => {
  inft = await openTestInft(owner)
}, 240_000)
afterAll(() => inft?.close())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-views-'))
  saysToMany = null
})
afterEach(async () => {
  await rm(folder, { recursive: true })
  expect(faults.splice(0)).toEqual([])
})

/** As a start of the orchestrator has it. */
async function open(token = inft.token) {
  const { clients, verifier } = inft
  const request = async (body: { method: string; params?: readonly unknown[] }) => {
    methods.push(body.method)
    const [first] = (body.params ?? []) as readonly { fromBlock?: Hex; to?: Hex }[]
    if (body.method === 'eth_getLogs') logsFrom.push(BigInt(first!.fromBlock!))
    if (saysToMany !== null && body.method === 'eth_call' && first!.to === undefined) throw saysToMany
    return clients.publicClient.request(body as never)
  }
  const transport = custom({ request }, { retryCount: 0 })
  const client = createPublicClient({ chain: clients.chain, transport }) as PublicClient
  const place = { chainId: 31337, token, verifier }
  const onFault = (fault: unknown): void => void faults.push(fault)
  const kept = await openKeptFile(join(folder, 'histories.json'), keptHistoriesSchema, [])
  const historyOf = createHistories({ client, place, fromBlock: 0n, ownOracle: owner.address, kept, onFault })
  const read = createTokenViews({ client, place, historyOf, onBlob: () => {} })
  return async (tokenId: bigint) => {
    methods = []
    logsFrom = []
    return { token: await read(tokenId), calls: methods.length, logsFrom }
  }
}
const entryOf = (byte: number) => ({
  dataDescription: 'computepool.intelligence.v1/64',
  dataHash: `0x${byte.toString(16).padStart(2, '0').repeat(32)}` as Hex,
})
const mint = () => inft.mint([{ ...entryOf(1), sealedKey: '0x01' }])
const write = (tokenId: bigint, byte: number) => inft.send(owner, 'update', [tokenId, [entryOf(byte)], ['0x02']])
const deepen = () => inft.clients.testClient.mine({ blocks: 30 })
const userOf = (index: number): Address => `0x${(index + 1).toString(16).padStart(40, '0')}`

it('asks seven times about a token of forty users, and once where the block is the same', async () => {
  const tokenId = await mint()
  await deepen()
  const read = await open()
  await read(tokenId)
  for (let index = 0; index < 40; index++) {
    await inft.send(owner, 'authorizeUsage', [tokenId, userOf(index)])
  }
  const { token, calls } = await read(tokenId)
  expect(token.authorised.map(({ user }) => user.toLowerCase())).toEqual(
    Array.from({ length: 40 }, (_, at) => userOf(at)),
  )
  expect(calls).toBe(7)
  const together = await Promise.all(Array.from({ length: 20 }, () => read(tokenId)))
  expect(together.every(each => each.token === token)).toBe(true)
  expect((await read(tokenId)).calls).toBe(1)
  // What passes is told, and no reason to ask about each from now on.
  const to = { url: 'https://node.example', body: {} }
  for (const passing of [new TimeoutError(to), new HttpRequestError({ ...to, status: 429 })]) {
    saysToMany = passing
    await inft.clients.testClient.mine({ blocks: 1 })
    await expect(read(tokenId)).rejects.toThrow(passing.shortMessage)
    saysToMany = null
    expect((await read(tokenId)).calls).toBe(7)
  }
  // An error of its own may be about anything: it is asked about each this time.
  saysToMany = Object.assign(new Error('something went wrong'), { code: -32603 })
  for (const _ of [1, 2]) {
    await inft.clients.testClient.mine({ blocks: 1 })
    expect((await read(tokenId)).calls).toBe(7 + 40)
  }
  // A node that takes no such question is asked about each, and not twice in vain.
  saysToMany = new Error('no code to run')
  await inft.clients.testClient.mine({ blocks: 1 })
  const one = await read(tokenId)
  expect([one.token.authorised, one.calls]).toEqual([token.authorised, 7 + 40])
  await inft.clients.testClient.mine({ blocks: 1 })
  expect((await read(tokenId)).calls).toBe(6 + 40)
})

it('reads a past once, over restarts, and from there on where something was added', async () => {
  const tokenId = await mint()
  await write(tokenId, 2)
  await deepen()
  const first = await open()
  const { token, logsFrom: whole } = await first(tokenId)
  expect(token.history.map(({ version, by }) => [version, by])).toEqual([
    [1, 'mint'],
    [2, 'update'],
  ])
  expect(whole).toEqual([0n])
  const second = await open()
  const again = await second(tokenId)
  expect([again.token.history, again.logsFrom]).toEqual([token.history, []])
  await write(tokenId, 3)
  const third = await open()
  const more = await third(tokenId)
  expect(more.token.history.map(({ roots }) => roots)).toEqual([1, 2, 3].map(byte => [entryOf(byte).dataHash]))
  expect(more.token.history.slice(0, 2)).toEqual(token.history)
  expect(more.logsFrom).toHaveLength(1)
  expect(more.logsFrom[0]).toBeGreaterThan(BigInt(token.history[1]!.blockNumber))
  // Of another contract's tokens nothing is kept here.
  const other = await inft.deploy('PoolINFT', [inft.verifier])
  for (let id = 1n; id <= tokenId; id++) {
    await inft.send(owner, 'mint', [owner.address, [entryOf(id === tokenId ? 9 : 1)], ['0x01']], other)
  }
  const elsewhere = await (await open(other))(tokenId)
  expect([elsewhere.token.history.map(({ roots }) => roots[0]), elsewhere.logsFrom]).toEqual([
    [entryOf(9).dataHash],
    [0n],
  ])
})

it('shows what the chain has after it took blocks back, and keeps nothing of what may be taken back', async () => {
  const tokenId = await mint()
  await deepen()
  const read = await open()
  await read(tokenId)
  const { testClient } = inft.clients
  const before = await testClient.snapshot()
  await write(tokenId, 5)
  const { token } = await read(tokenId)
  await testClient.revert({ id: before })
  await write(tokenId, 6)
  await testClient.mine({ blocks: 1 })
  for (const now of [await read(tokenId), await (await open())(tokenId)]) {
    expect(now.token.history.map(({ roots }) => roots[0])).toEqual([1, 6].map(byte => entryOf(byte).dataHash))
    expect(now.token.history[1]!.transaction).not.toBe(token.history[1]!.transaction)
  }
  // A chain begun anew, with a token of the same number at the same place: the block that it was read to is another.
  const deep = await testClient.snapshot()
  await deepen()
  const kept = await open()
  expect((await kept(tokenId)).token.history).toHaveLength(2)
  await testClient.revert({ id: deep })
  await inft.send(owner, 'delegateAccess', [userOf(1)])
  await deepen()
  expect((await (await open())(tokenId)).logsFrom).toEqual([0n])
})
