/** Our four workflows against a real StreamVault on anvil: what they do to sessions, and that callbacks are no more than hints. */
import { streamVaultAbi } from '@computepool/contracts/abi'
import type { KeeperInput, KeeperRun } from '@computepool/shared/ports'
import { createSeededRandom } from '@computepool/shared/testing'
import type { Hex, PublicClient } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testWorkflow } from '../../testing/keeper-workflows.ts'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { openTestVault, signPayment, type TestVault, testPriceAtomic } from '../../testing/test-vault.ts'
import { createSignerQueue, type SignerQueue } from '../chain/signer-queue.ts'
import { createSignerStore } from '../chain/signer-store.ts'
import { hostClock } from '../host.ts'
import { requirementsOf } from '../payments/challenge.ts'
import { readPayment } from '../payments/voucher.ts'
import { createFacilitator } from '../payments/x402-facilitator.ts'
import type { OpenDatabase } from '../store/database.ts'
import {
  callbackPath,
  callbackRoutes,
  createCallbackTokens,
  createEmbeddedKeeper,
  type EmbeddedKeeper,
  prepareWorkflows,
} from './index.ts'

const callbackUrl = `https://pool.example${callbackPath}`
const capAtomic = 2_000_000n
const rateWei = String(testPriceAtomic * 10n ** 12n)

let chain: TestVault
let database: OpenDatabase
let queue: SignerQueue
let keeper: EmbeddedKeeper
let tokens: ReturnType<typeof createCallbackTokens>
let hints: string[] = []
let isDoorOpen = true
let payers = 0
let keys = 0

beforeAll(async () => {
  ;[chain, database] = await Promise.all([openTestVault(), openMemoryLedger()])
  const client = chain.publicClient as PublicClient
  const { db } = database
  tokens = createCallbackTokens({ db, clock: hostClock, secret: 'test' })
  const door = callbackRoutes({ tokens, onHint: id => hints.push(id) })
  const account = chain.accounts.keeper
  queue = createSignerQueue({
    client,
    account,
    chainId: 31337,
    store: createSignerStore(db),
    clock: hostClock,
    pollMs: 50,
  })
  keeper = createEmbeddedKeeper({
    db,
    sender: queue,
    publicClient: client,
    clock: hostClock,
    entropy: createSeededRandom(7),
    workflows: prepareWorkflows({ chainId: 31337, vault: chain.vault }),
    fetch: async (address, init) =>
      isDoorOpen ? door.request(String(address), init) : new Response('no', { status: 400 }),
    pollMs: 10,
  })
  for (const definition of prepareWorkflows({ chainId: 31337, vault: chain.vault }))
    await keeper.importWorkflow(definition.definition)
})
afterAll(async () => {
  await keeper?.close()
  await queue?.close()
  await Promise.all([chain?.close(), database?.close()])
})

const read = (functionName: 'session' | 'members' | 'expired', args: readonly unknown[] = []) =>
  chain.publicClient.readContract({ address: chain.vault, abi: streamVaultAbi, functionName, args } as never)
const session = (id: Hex) =>
  read('session', [id]) as Promise<{
    state: number
    rateWei: bigint
    epoch: bigint
    refundedAtomic: bigint
    dueAtomic: bigint
  }>

async function openSession(): Promise<Hex> {
  const account = chain.accounts.payers[payers++ % 4]
  if (!account) throw new Error('No payer')
  const client = chain.publicClient as PublicClient
  const facilitator = createFacilitator({ chainId: 31337, client, settler: chain.settler, vaults: [chain.vault] })
  const payment = await signPayment(chain.target, account, capAtomic)
  expect(await facilitator.settle(payment, requirementsOf(chain.target, capAtomic))).toMatchObject({ success: true })
  return readPayment(payment)?.sessionId as Hex
}

async function run(workflow: string, input: KeeperInput): Promise<KeeperRun> {
  const { executionId } = await keeper.execute(
    workflow,
    { outbox_id: '', callback_url: '', callback_token: '', ...input },
    { idempotencyKey: `k${keys++}` },
  )
  return keeper.wait(executionId, 30_000)
}
const leaseUntil = async (): Promise<string> => String((await chain.now()) + 30n)
const start = async (id: Hex, epoch: number) =>
  run('stream-start', {
    session_id: id,
    epoch: String(epoch),
    rate_wei: rateWei,
    lease_until: await leaseUntil(),
    due_atomic: '0',
  })

describe('our workflows on a vault', () => {
  it('set all operators’ units at once', async () => {
    const [one, two] = chain.accounts.operators.map(({ address }) => address)
    if (!one || !two) throw new Error('No operators')
    expect(await run('set-units', { epoch: '1', members: [one, two], units: ['3', '1'] })).toMatchObject({
      status: 'success',
    })
    expect(await read('members')).toEqual([
      [one, two],
      [3n, 1n],
    ])
  })

  it('start, stop and close a session, and refund it', async () => {
    const id = await openSession()
    expect(await start(id, 1)).toMatchObject({ status: 'success', error: null })
    expect(await session(id)).toMatchObject({ state: 2, rateWei: BigInt(rateWei), epoch: 1n })
    expect(await run('stream-stop', { session_id: id, epoch: '2', due_atomic: '1500', final: false })).toMatchObject({
      status: 'success',
    })
    expect(await session(id)).toMatchObject({ state: 1, rateWei: 0n })
    const closed = await run('stream-stop', { session_id: id, epoch: '3', due_atomic: '1500', final: true })
    expect(closed).toMatchObject({
      status: 'success',
      transactions: [{ nodeName: 'Close', receiptStatus: 'success', chainId: 31337 }],
    })
    expect(await session(id)).toMatchObject({ state: 3, dueAtomic: 1500n, refundedAtomic: capAtomic - 1500n })
  })

  it('change nothing when they come late or twice', async () => {
    const id = await openSession()
    await start(id, 5)
    const before = await session(id)
    expect(await start(id, 5)).toMatchObject({ status: 'success' })
    expect(await run('stream-stop', { session_id: id, epoch: '4', due_atomic: '0', final: false })).toMatchObject({
      status: 'success',
    })
    expect(await session(id)).toEqual(before)
  })

  it('tell by name what the vault refused, and send nothing', async () => {
    const id = await openSession()
    const odd = { session_id: id, epoch: '1', rate_wei: '1', lease_until: await leaseUntil(), due_atomic: '0' }
    const refused = await run('stream-start', odd)
    expect(refused).toMatchObject({ status: 'error', transactions: [] })
    expect(refused.error).toMatch(/^Set rate: The contract refused: RateNotAllowed\(1, /)
    const lacking = await run('stream-start', { session_id: id, epoch: '1' })
    expect(lacking).toMatchObject({ status: 'error', transactions: [] })
    expect(lacking.error).toContain('{{@trigger:Trigger.rate_wei}}')
  })

  it('reap every session whose lease is over, each in a transaction of its own', async () => {
    expect((await run('reap', {})).transactions).toEqual([])
    const ids = [await openSession(), await openSession()]
    for (const id of ids) await start(id, 1)
    await chain.passSeconds(31)
    const expired = (await read('expired', [16n])) as Hex[]
    expect(expired).toEqual(expect.arrayContaining(ids))
    const reaped = await run('reap', {})
    expect(reaped.status).toBe('success')
    expect(reaped.transactions.map(({ iterationIndex, receiptStatus }) => [iterationIndex, receiptStatus])).toEqual(
      expired.map((_, at) => [at, 'success']),
    )
    for (const id of expired) expect((await session(id)).state).toBe(3)
    expect(await read('expired', [16n])).toEqual([])
  })

  it('find events of the chain by what they index', async () => {
    const id = await openSession()
    await openSession()
    const abi = JSON.stringify(streamVaultAbi.filter(entry => entry.type === 'event' && entry.name === 'SessionOpened'))
    const find = {
      id: 'find',
      config: {
        actionType: 'web3/query-events',
        network: '31337',
        contractAddress: chain.vault,
        abi,
        eventName: 'SessionOpened',
        eventArgs: '["{{@trigger:Trigger.session_id}}"]',
      },
    }
    await keeper.importWorkflow(testWorkflow('events', [find], [['trigger', 'find']]).definition)
    const { executionId, status } = await run('Test events', { session_id: id })
    expect(status).toBe('success')
    const [found] = await keeper.logs(executionId)
    expect(found?.output).toMatchObject({
      eventCount: 1,
      events: [{ args: { id, capAtomic: String(capAtomic), adopted: false } }],
    })
  })

  it('call back once, with a token for one use; a door that is shut fails no run', async () => {
    const id = await openSession()
    const token = await tokens.issue({ outboxId: 'row-9', transition: 'stream-start' })
    const told = { outbox_id: 'row-9', callback_url: callbackUrl, callback_token: token }
    hints = []
    const input = {
      session_id: id,
      epoch: '1',
      rate_wei: rateWei,
      lease_until: await leaseUntil(),
      due_atomic: '0',
      ...told,
    }
    expect(await run('stream-start', input)).toMatchObject({ status: 'success' })
    expect(hints).toEqual(['row-9'])
    expect(await run('stream-start', { ...input, epoch: '2' })).toMatchObject({ status: 'success' })
    expect(hints).toEqual(['row-9'])
    isDoorOpen = false
    expect(await run('stream-start', { ...input, epoch: '3' })).toMatchObject({ status: 'success' })
    isDoorOpen = true
  })
})
