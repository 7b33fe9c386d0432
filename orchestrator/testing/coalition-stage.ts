/**
 * Where the coalition's workflows are tried: a vault and a Coalition on anvil, a keeper with its books, coalitions in every state, and
 * runs that are cut between two nodes and ended by the next process.
 */
import { streamVaultAbi, superfluidPoolAbi } from '@computepool/contracts/abi'
import type { KeeperInput, KeeperRun } from '@computepool/shared/ports'
import { createGate, createSeededRandom } from '@computepool/shared/testing'
import { type Hex, type PrivateKeyAccount, type PublicClient, parseEther } from 'viem'
import { expect } from 'vitest'
import { createSignerQueue, type SignerQueue } from '../src/chain/signer-queue.ts'
import { createSignerStore } from '../src/chain/signer-store.ts'
import { hostClock } from '../src/host.ts'
import {
  callbackRoutes,
  type coalitionWorkflowKeys,
  createCallbackTokens,
  createEmbeddedKeeper,
  type EmbeddedKeeper,
  prepareWorkflows,
} from '../src/keeper/index.ts'
import { createRunStore, type RunStore } from '../src/keeper/run-store.ts'
import { requirementsOf } from '../src/payments/challenge.ts'
import { readPayment } from '../src/payments/voucher.ts'
import { createFacilitator } from '../src/payments/x402-facilitator.ts'
import type { OpenDatabase } from '../src/store/database.ts'
import { openTestCoalition } from './keeper-coalition.ts'
import { openMemoryLedger } from './open-memory-ledger.ts'
import { openTestVault, signPayment } from './test-vault.ts'

export type WorkflowName = (typeof coalitionWorkflowKeys)[number] | 'stream-start'
export type Key = PrivateKeyAccount

export const longMs = 30_000

/** One organisation: its books, its key, its runner. */
export interface Home {
  readonly account: Key
  readonly database: OpenDatabase
  readonly queue: SignerQueue
  readonly keeper: EmbeddedKeeper
}

export interface Breach {
  readonly dispute: bigint
  readonly culprit: Key
  readonly honest: readonly Key[]
}

export interface Scene {
  readonly input: KeeperInput
  /** What must be true of the chain in the end. */
  readonly check: () => Promise<void>
}

export const noCallback = { outbox_id: '', callback_url: '', callback_token: '' }

export type CoalitionStage = Awaited<ReturnType<typeof openCoalitionStage>>

/** Close it afterwards. */
export async function openCoalitionStage() {
  const chain = await openTestVault()
  const coalition = await openTestCoalition(chain, chain)
  // Without the one that a clock starts: its transactions would be counted too.
  const workflows = prepareWorkflows({ chainId: 31337, vault: chain.vault, coalition: coalition.address }).filter(
    ({ key }) => key !== 'reap',
  )
  const hints: string[] = []
  let [epoch, keys, processes, payers] = [0, 0, 0, 0]
  const home = await openHome(chain.accounts.keeper)

  async function openHome(account: Key): Promise<Home> {
    await chain.testClient.setBalance({ address: account.address, value: parseEther('1000') })
    const database = await openMemoryLedger()
    const store = createSignerStore(database.db)
    const client = chain.publicClient as PublicClient
    const queue = createSignerQueue({ client, account, chainId: 31337, store, clock: hostClock, pollMs: 20 })
    const keeper = openKeeper({ database, queue })
    await keeper.start()
    return { account, database, queue, keeper }
  }

  async function closeHome(closing: Home | undefined): Promise<void> {
    await closing?.keeper.close()
    await closing?.queue.close()
    await closing?.database.close()
  }

  function openKeeper(
    { database, queue }: Pick<Home, 'database' | 'queue'>,
    { onFault = () => {}, ...more }: { readonly store?: RunStore; readonly onFault?: () => void } = {},
  ): EmbeddedKeeper {
    const tokens = createCallbackTokens({ db: database.db, clock: hostClock, secret: 'test' })
    const door = callbackRoutes({ tokens, onHint: id => hints.push(id) })
    return createEmbeddedKeeper({
      db: database.db,
      sender: queue,
      publicClient: chain.publicClient as PublicClient,
      clock: hostClock,
      entropy: createSeededRandom(++processes),
      workflows,
      fetch: async (address, init) => door.request(String(address), init),
      pollMs: 5,
      onNotice: notice => {
        if (notice.type === 'fault') onFault()
      },
      ...more,
    })
  }

  async function run(workflow: WorkflowName, input: KeeperInput, { keeper }: Home = home): Promise<KeeperRun> {
    const key = { idempotencyKey: `run ${++keys}` }
    const { executionId } = await keeper.execute(workflow, { ...noCallback, ...input }, key)
    return keeper.wait(executionId, longMs)
  }

  const sentSoFar = ({ account }: Home): Promise<number> =>
    chain.publicClient.getTransactionCount({ address: account.address })
  const stateOf = async (id: bigint): Promise<number> => (await coalition.stateOf(id))[0]
  const vault = () => ({ address: chain.vault, abi: streamVaultAbi }) as const
  const members = async () => {
    const [accounts, units] = await chain.publicClient.readContract({ ...vault(), functionName: 'members' })
    return accounts.map((account, at) => [account.toLowerCase(), units[at]])
  }
  const unitsOf = ({ address }: Key): Promise<bigint> =>
    chain.publicClient.readContract({
      address: chain.pool,
      abi: superfluidPoolAbi,
      functionName: 'getUnits',
      args: [address],
    })
  const session = (id: Hex) => chain.publicClient.readContract({ ...vault(), functionName: 'session', args: [id] })

  async function openSession(): Promise<{ id: Hex; payer: Key }> {
    const payer = chain.accounts.payers[payers++ % 3] as Key
    const client = chain.publicClient as PublicClient
    const facilitator = createFacilitator({ chainId: 31337, client, settler: chain.settler, vaults: [chain.vault] })
    const payment = await signPayment(chain.target, payer, 2_000_000n)
    expect(await facilitator.settle(payment, requirementsOf(chain.target, 2_000_000n))).toMatchObject({ success: true })
    return { id: readPayment(payment)?.sessionId as Hex, payer }
  }

  const rateOrder = async (id: Hex, sessionEpoch: number, rate: bigint, dueAtomic: bigint) => ({
    session_id: id,
    epoch: String(sessionEpoch),
    rate_wei: String(rate),
    lease_until: String((await chain.now()) + 50n),
    due_atomic: String(dueAtomic),
  })

  /** An absolute list with a new epoch. */
  const unitsOrder = (parties: readonly Key[]) => ({
    epoch: String(++epoch),
    members: parties.map(lower),
    units: parties.map((_, at) => String(100 + at)),
  })

  const operators = (count: number): Key[] => chain.accounts.operators.slice(0, count)
  const accuser = (): Key => chain.accounts.payers[3] as Key

  /** An active coalition whose first party is accused; nobody voted yet. */
  async function accuse(parties = operators(3), harmed?: Hex): Promise<Breach> {
    const id = await coalition.propose(parties)
    await coalition.send(coalition.relay.activate(id))
    const [culprit, ...honest] = parties as [Key, ...Key[]]
    const about = { accused: culprit, accuser: accuser(), ...(harmed ? { session: harmed } : {}) }
    return { dispute: await coalition.accuse(id, about), culprit, honest }
  }

  async function convict(parties = operators(3), harmed?: Hex): Promise<Breach> {
    const breach = await accuse(parties, harmed)
    await coalition.decide(breach.dispute, true)
    return breach
  }

  /**
   * Kills a run before each of its nodes, and where it writes to the chain also after that, before it is noted. Another process ends it.
   * Returns how many times it was killed.
   */
  async function killAtEveryNode(workflow: WorkflowName, sends: number, set: () => Promise<Scene>): Promise<number> {
    const { nodes } = workflows.find(({ key }) => key === workflow)?.definition ?? { nodes: [] }
    let kills = 0
    for (const { id, data } of nodes) {
      const isWrite = data.config?.actionType === 'web3/write-contract'
      for (const moment of isWrite ? (['beginStep', 'endStep'] as const) : (['beginStep'] as const)) {
        const { input: given, check } = await set()
        const input = { ...noCallback, ...given }
        const before = await sentSoFar(home)
        const cut = createGate()
        const store = mortalStore(createRunStore(home.database.db), id, moment, () => kills++)
        const doomed = openKeeper(home, { store, onFault: () => cut.open() })
        const key = { idempotencyKey: `kill ${++keys}` }
        const { executionId } = await doomed.execute(workflow, input, key)
        await Promise.race([cut.opened, doomed.wait(executionId, longMs).catch(() => {})])
        await doomed.close()

        const next = openKeeper(home)
        await next.start()
        // Who asked does not know whether it was heard, and asks again under the same key.
        expect(await next.execute(workflow, input, key)).toMatchObject({ executionId })
        const { status, error } = await next.wait(executionId, longMs)
        await next.close()
        const sent = (await sentSoFar(home)) - before
        expect({ id, moment, status, error, sent }).toEqual({ id, moment, status: 'success', error: null, sent: sends })
        await check()
      }
    }
    return kills
  }

  return {
    chain,
    coalition,
    home,
    workflows,
    /** Outbox rows that callbacks told of. */
    hints,
    openHome,
    closeHome,
    run,
    stateOf,
    members,
    unitsOf,
    session,
    openSession,
    rateOrder,
    unitsOrder,
    operators,
    accuser,
    accuse,
    convict,
    killAtEveryNode,
    async close() {
      await closeHome(home)
      await chain.close()
    },
  }
}

/** The same books, which die at one node and stay dead. */
function mortalStore(store: RunStore, nodeId: string, moment: 'beginStep' | 'endStep', onDeath: () => void): RunStore {
  let isDead = false
  return new Proxy(store, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver)
      if (typeof method !== 'function') return method
      return async (...args: unknown[]) => {
        if (!isDead && name === moment && (args[0] as { nodeId: string }).nodeId === nodeId) {
          isDead = true
          onDeath()
        }
        if (isDead) throw new Error('The process was killed.')
        return method.apply(target, args)
      }
    },
  })
}

export const sentBy = ({ transactions }: KeeperRun): string[] => transactions.map(({ nodeName }) => nodeName)
export const lower = ({ address }: Key): Hex => address.toLowerCase() as Hex
