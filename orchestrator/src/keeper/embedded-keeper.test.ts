/**
 * The runner on a real chain with the real signer queue: it is killed after every single step that it takes, and whoever comes next
 * on the same books ends the run with exactly one transaction.
 */
import { type SpawnedAnvil, spawnAnvil, testAccounts } from '@computepool/contracts/testing'
import { createGate, createSeededRandom } from '@computepool/shared/testing'
import { sql } from 'drizzle-orm'
import {
  createPublicClient,
  createTestClient,
  defineChain,
  type Hex,
  http,
  type PublicClient,
  parseEther,
  toFunctionSelector,
} from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { testWorkflow } from '../../testing/keeper-workflows.ts'
import { createKillSwitch, type KillSwitch } from '../../testing/kill-switch.ts'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { createSignerQueue, type SignerQueue } from '../chain/signer-queue.ts'
import { createSignerStore } from '../chain/signer-store.ts'
import { hostClock } from '../host.ts'
import type { OpenDatabase } from '../store/database.ts'
import { createEmbeddedKeeper, type EmbeddedKeeper } from './embedded-keeper.ts'

const counter = '0x00000000000000000000000000000000000000aa'
const refuser = '0x00000000000000000000000000000000000000ab'
// Adds one to slot 0, whatever it is called with.
const countingCode: Hex = '0x60005460010160005500'
// Reverts with the selector of `Refused()` and no more.
const refusingCode: Hex = `0x63${toFunctionSelector('Refused()').slice(2)}60e01b60005260046000fd`
const abi = JSON.stringify([
  {
    type: 'function',
    name: 'poke',
    stateMutability: 'nonpayable',
    inputs: [{ name: 'id', type: 'uint256' }],
    outputs: [],
  },
  { type: 'error', name: 'Refused', inputs: [] },
])
const poke = (id: string, contractAddress: string, argument: string) => ({
  id,
  config: {
    actionType: 'web3/write-contract',
    network: '31337',
    contractAddress,
    abi,
    abiFunction: 'poke',
    functionArgs: `["${argument}"]`,
    gasLimitMultiplier: '1.3',
  },
})
const once = testWorkflow('once', [poke('poke', counter, '{{@trigger:Trigger.id}}')], [['trigger', 'poke']])
const eachOne = testWorkflow(
  'each',
  [
    { id: 'each', config: { actionType: 'For Each', arraySource: '{{@trigger:Trigger.ids}}' } },
    poke('poke', counter, '{{@each:each.currentItem}}'),
    { id: 'collect', config: { actionType: 'Collect' } },
  ],
  [
    ['trigger', 'each'],
    ['each', 'poke', 'loop'],
    ['each', 'collect', 'done'],
  ],
)
const refused = testWorkflow('refused', [poke('poke', refuser, '1')], [['trigger', 'poke']])

let anvil: SpawnedAnvil
let database: OpenDatabase
let processes = 0
let cleanups: (() => Promise<unknown>)[] = []
const { keeper: account } = testAccounts

beforeAll(async () => {
  ;[anvil, database] = await Promise.all([spawnAnvil(), openMemoryLedger()])
  const testing = createTestClient({ mode: 'anvil', transport: http(anvil.url) })
  await testing.setBalance({ address: account.address, value: parseEther('1000') })
  await testing.setCode({ address: counter, bytecode: countingCode })
  await testing.setCode({ address: refuser, bytecode: refusingCode })
  await testing.setAutomine(true)
})
afterAll(async () => {
  await Promise.all([anvil.close(), database.close()])
})
beforeEach(async () => {
  await database.db.execute(
    sql`TRUNCATE keeper_workflows, keeper_runs, keeper_keys, keeper_steps, keeper_transactions, signer_transactions`,
  )
})
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
  cleanups = []
})

const reader = () => createPublicClient({ transport: http(anvil.url), cacheTime: 0 })
const sent = (): Promise<number> => reader().getTransactionCount({ address: account.address })
const counted = async (): Promise<bigint> =>
  BigInt((await reader().getStorageAt({ address: counter, slot: '0x0' })) ?? 0)

interface Process {
  readonly keeper: EmbeddedKeeper
  readonly queue: SignerQueue
  /** Resolves when a run could not go on. */
  readonly cut: Promise<void>
}

/** A process: its keeper and its signer, both behind one switch. */
async function openProcess(kill: KillSwitch): Promise<Process> {
  const db = kill.database(database.db)
  const chain = defineChain({
    id: 31337,
    name: 'test',
    nativeCurrency: { name: 'Coin', symbol: 'COIN', decimals: 18 },
    rpcUrls: { default: { http: [anvil.url] } },
  })
  const client = createPublicClient({ chain, transport: kill.transport(anvil.url), cacheTime: 0 }) as PublicClient
  const store = createSignerStore(db)
  const queue = createSignerQueue({ client, account, chainId: 31337, store, clock: hostClock, pollMs: 20 })
  const cut = createGate()
  const keeper = createEmbeddedKeeper({
    db,
    sender: queue,
    publicClient: client,
    clock: hostClock,
    entropy: createSeededRandom(++processes),
    workflows: [once, eachOne, refused],
    pollMs: 5,
    onNotice: notice => {
      if (notice.type === 'fault') cut.open()
    },
  })
  const close = async (): Promise<void> => {
    await keeper.close()
    await queue.close()
  }
  cleanups.push(close)
  return { keeper, queue, cut: cut.opened }
}

/** The workflows are there before anybody is killed. */
async function install(): Promise<void> {
  const { keeper } = await openProcess(createKillSwitch(never))
  await keeper.start()
  await keeper.close()
}

const never = Number.MAX_SAFE_INTEGER
const longMs = 30_000
const manyWalksMs = 180_000

/** Starts a run, is killed at the step, and starts again; returns whether it was killed before the run had ended. */
async function killedAt(step: number, workflow: string, input: Record<string, string | string[]>): Promise<boolean> {
  const kill = createKillSwitch(step)
  const doomed = await openProcess(kill)
  const key = { idempotencyKey: `at ${step}` }
  await doomed.keeper.execute(workflow, input, key).then(
    ({ executionId }) => Promise.race([doomed.cut, doomed.keeper.wait(executionId, longMs).catch(() => {})]),
    () => {},
  )
  await doomed.keeper.close()
  await doomed.queue.close()

  const next = await openProcess(createKillSwitch(never))
  await next.keeper.start()
  // The caller does not know whether it was heard, and asks again under the same key.
  const { executionId } = await next.keeper.execute(workflow, input, key)
  const run = await next.keeper.wait(executionId, longMs)
  expect({ step, status: run.status, error: run.error }).toEqual({ step, status: 'success', error: null })
  return kill.isDead
}

describe('the embedded keeper, killed at any step', () => {
  it(
    'sends one transaction',
    async () => {
      await install()
      const [txBefore, countBefore] = [await sent(), await counted()]
      let step = 1
      for (; await killedAt(step, 'once', { id: '1' }); step++) {
        expect({ step, count: (await counted()) - countBefore }).toEqual({ step, count: BigInt(step) })
      }
      // The last walk was not cut; every walk before it was, at another place.
      expect(step).toBeGreaterThan(15)
      expect((await sent()) - txBefore).toBe(step)
    },
    manyWalksMs,
  )

  it(
    'sends one transaction for each turn of a loop',
    async () => {
      await install()
      const countBefore = await counted()
      let step = 1
      for (; await killedAt(step, 'each', { ids: ['1', '2'] }); step += 3) {
        expect({ step, count: (await counted()) - countBefore }).toEqual({
          step,
          count: BigInt(2 * (1 + (step - 1) / 3)),
        })
      }
      expect(step).toBeGreaterThan(25)
    },
    manyWalksMs,
  )
})

describe('the embedded keeper', () => {
  it('tells why a contract refused, and sends nothing', async () => {
    const before = await sent()
    const { keeper } = await openProcess(createKillSwitch(never))
    await keeper.start()
    const { executionId } = await keeper.execute('refused', {}, { idempotencyKey: 'a' })
    const run = await keeper.wait(executionId, longMs)
    expect(run).toMatchObject({ status: 'error', error: 'poke: The contract refused: Refused()', transactions: [] })
    expect(await sent()).toBe(before)
  })
})
