/**
 * The coalition's workflows against a real Coalition and a real StreamVault on anvil: what they do, that doing it again changes
 * nothing, and that a run which is cut between any two nodes is ended by whoever comes next.
 */
import { streamVaultAbi, superfluidPoolAbi } from '@computepool/contracts/abi'
import { testAccount } from '@computepool/contracts/testing'
import type { KeeperInput, KeeperRun } from '@computepool/shared/ports'
import { createGate, createSeededRandom } from '@computepool/shared/testing'
import { type Hex, type PrivateKeyAccount, type PublicClient, parseEther } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  accuserCostAtomic,
  bondAtomic,
  openTestCoalition,
  stakeAtomic,
  type TestCoalition,
} from '../../testing/keeper-coalition.ts'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { openTestVault, signPayment, type TestVault, testPriceAtomic } from '../../testing/test-vault.ts'
import { createSignerQueue, type SignerQueue } from '../chain/signer-queue.ts'
import { createSignerStore } from '../chain/signer-store.ts'
import { asJson } from '../coalition/relay-coalition.ts'
import { hostClock } from '../host.ts'
import { requirementsOf } from '../payments/challenge.ts'
import { readPayment } from '../payments/voucher.ts'
import { createFacilitator } from '../payments/x402-facilitator.ts'
import type { OpenDatabase } from '../store/database.ts'
import { callbackPath, callbackRoutes } from './callback-routes.ts'
import { createCallbackTokens } from './callback-tokens.ts'
import { createEmbeddedKeeper, type EmbeddedKeeper } from './embedded-keeper.ts'
import { type coalitionWorkflowKeys, type PreparedWorkflow, prepareWorkflows } from './prepare-workflows.ts'
import { createRunStore, type RunStore } from './run-store.ts'

type WorkflowName = (typeof coalitionWorkflowKeys)[number] | 'stream-start'
type Key = PrivateKeyAccount

const rateWei = testPriceAtomic * 10n ** 12n
const longMs = 30_000
const manyRunsMs = 240_000
const [proposed, active] = [1, 2]
const [open, guilty, innocent] = [0, 1, 2]

/** One organisation: its books, its key, its runner. */
interface Home {
  readonly account: Key
  readonly database: OpenDatabase
  readonly queue: SignerQueue
  readonly keeper: EmbeddedKeeper
}

let chain: TestVault
let coalition: TestCoalition
let workflows: PreparedWorkflow[]
let home: Home
let hints: string[] = []
let [epoch, keys, processes, payers] = [0, 0, 0, 0]

beforeAll(async () => {
  chain = await openTestVault()
  coalition = await openTestCoalition(chain, chain)
  // Without the one that a clock starts: its transactions would be counted too.
  workflows = prepareWorkflows({ chainId: 31337, vault: chain.vault, coalition: coalition.address }).filter(
    ({ key }) => key !== 'reap',
  )
  home = await openHome(chain.accounts.keeper)
}, 240_000)
afterAll(async () => {
  await closeHome(home)
  await chain?.close()
})

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

const noCallback = { outbox_id: '', callback_url: '', callback_token: '' }

async function run(workflow: WorkflowName, input: KeeperInput, { keeper }: Home = home): Promise<KeeperRun> {
  const key = { idempotencyKey: `run ${++keys}` }
  const { executionId } = await keeper.execute(workflow, { ...noCallback, ...input }, key)
  return keeper.wait(executionId, longMs)
}

const sentBy = ({ transactions }: KeeperRun): string[] => transactions.map(({ nodeName }) => nodeName)
const lower = ({ address }: Key): Hex => address.toLowerCase() as Hex
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
const listed = ({ members: accounts, units }: ReturnType<typeof unitsOrder>) =>
  accounts.map((account, at) => [account, BigInt(units[at] ?? 0)])

const operators = (count: number): Key[] => chain.accounts.operators.slice(0, count)
const accuser = (): Key => chain.accounts.payers[3] as Key

interface Breach {
  readonly dispute: bigint
  readonly culprit: Key
  readonly honest: readonly Key[]
}

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

interface Scene {
  readonly input: KeeperInput
  /** What must be true of the chain in the end. */
  readonly check: () => Promise<void>
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

describe('propose', () => {
  const scene = async (): Promise<Scene> => {
    const parties = operators(3)
    const terms = await coalition.termsOf(parties)
    const consents = await coalition.consents(parties, terms)
    return {
      input: { terms: asJson(terms), consents: asJson(consents) },
      async check() {
        const id = await coalition.count()
        expect(await stateOf(id)).toBe(proposed)
        for (const party of parties) {
          expect(await coalition.stakeOf(id, party.address)).toMatchObject({ amountAtomic: stakeAtomic })
        }
      },
    }
  }

  it('puts the terms on the chain with every stake, in one transaction', async () => {
    const { input, check } = await scene()
    const before = await coalition.count()
    const ran = await run('propose', input)
    expect(ran).toMatchObject({ status: 'success', error: null })
    expect(sentBy(ran)).toEqual(['Propose'])
    expect(await coalition.count()).toBe(before + 1n)
    await check()
  })

  it('takes consents that come later to the coalition that waits for them', async () => {
    const parties = operators(2)
    const [early, late] = parties as [Key, Key]
    const terms = await coalition.termsOf(parties)
    const [first, second] = [await coalition.consent(early, terms), await coalition.consent(late, terms)]
    const some = { terms: asJson(terms), consents: asJson([first]) }
    expect(await run('propose', some)).toMatchObject({ status: 'success' })
    const id = await coalition.count()
    const tooSoon = await run('activate-and-pool', { coalition_id: String(id), ...unitsOrder(parties) })
    expect(tooSoon).toMatchObject({ status: 'error', transactions: [] })
    expect(tooSoon.error).toContain(`Activate: The contract refused: ConsentMissing(${late.address})`)

    // All that are there by now, of which one is known.
    const all = { ...some, consents: asJson([first, second]) }
    expect(sentBy(await run('propose', all))).toEqual(['Consent'])
    await coalition.send(coalition.relay.activate(id))
    expect(await stateOf(id)).toBe(active)
    // Consents that come after that find nothing to do.
    expect(await run('propose', all)).toMatchObject({ status: 'success', transactions: [] })
  })

  it('proposes nothing a second time, and takes no stake twice', async () => {
    const { input, check } = await scene()
    await run('propose', input)
    const before = [await coalition.count(), await coalition.held()]
    expect(await run('propose', input)).toMatchObject({ status: 'success', transactions: [] })
    expect([await coalition.count(), await coalition.held()]).toEqual(before)
    await check()
  })

  it('keeps signatures out of its logs', async () => {
    const parties = operators(2)
    const terms = await coalition.termsOf(parties)
    const consents = await coalition.consents(parties, terms)
    const input = { ...noCallback, terms: asJson(terms), consents: asJson(consents) }
    const { executionId } = await home.keeper.execute('propose', input, { idempotencyKey: 'logs' })
    expect(await home.keeper.wait(executionId, longMs)).toMatchObject({ status: 'success' })
    const told = JSON.stringify([await home.keeper.logs(executionId), await home.keeper.detail(executionId)])
    expect(told).toContain(terms.salt)
    for (const { termsSignature, stakeSignature } of consents) {
      expect(told).not.toContain(termsSignature)
      expect(told).not.toContain(stakeSignature)
    }
  })

  it('is ended by the next process, wherever it was cut', { timeout: manyRunsMs }, async () => {
    // Six nodes on this branch, one of which writes.
    expect(await killAtEveryNode('propose', 1, scene)).toBe(6 + 1)
  })

  it('takes each later consent once, wherever it was cut', { timeout: manyRunsMs }, async () => {
    const late = async (): Promise<Scene> => {
      const parties = operators(2)
      const terms = await coalition.termsOf(parties)
      await coalition.send(coalition.relay.propose(terms, []))
      const id = await coalition.count()
      return {
        input: { terms: asJson(terms), consents: asJson(await coalition.consents(parties, terms)) },
        async check() {
          for (const { address } of parties) {
            expect(await coalition.stakeOf(id, address)).toMatchObject({ amountAtomic: stakeAtomic, isMember: true })
          }
        },
      }
    }
    expect(await killAtEveryNode('propose', 2, late)).toBe(12 + 1)
  })
})

describe('activate-and-pool', () => {
  const scene = async (parties = operators(3)) => {
    const id = await coalition.propose(parties)
    const order = unitsOrder(parties)
    return {
      id,
      input: { coalition_id: String(id), ...order },
      async check() {
        expect(await stateOf(id)).toBe(active)
        expect(await members()).toEqual(listed(order))
      },
    }
  }

  it('activates, and gives any number of operators their units in one call', async () => {
    const many = Array.from({ length: 9 }, (_, at) => testAccount(`member ${at}`))
    for (const { address } of many) await chain.mintUsdc(address, stakeAtomic)
    const { input, check } = await scene(many)
    const ran = await run('activate-and-pool', input)
    expect(ran).toMatchObject({ status: 'success', error: null })
    expect(sentBy(ran)).toEqual(['Activate', 'Set units'])
    await check()
  })

  it('changes nothing and sends nothing when it runs twice', async () => {
    const { input, check } = await scene()
    await run('activate-and-pool', input)
    expect(await run('activate-and-pool', input)).toMatchObject({ status: 'success', transactions: [] })
    await check()
  })

  it('leaves a later list alone when it comes late', async () => {
    const { input, id } = await scene()
    const later = await scene(operators(2))
    await run('activate-and-pool', later.input)
    expect(await run('activate-and-pool', input)).toMatchObject({ status: 'success' })
    expect(await stateOf(id)).toBe(active)
    await later.check()
  })

  it('gives the units where somebody else activated', async () => {
    const { id, input, check } = await scene()
    await coalition.send(coalition.relay.activate(id))
    expect(sentBy(await run('activate-and-pool', input))).toEqual(['Set units'])
    await check()
  })

  it('does nothing for a coalition that there is not', async () => {
    const before = await members()
    const unknown = await run('activate-and-pool', { coalition_id: '999999', ...unitsOrder(operators(2)) })
    expect(unknown).toMatchObject({ status: 'success', transactions: [] })
    expect(await members()).toEqual(before)
  })

  it('is ended by the next process, wherever it was cut', { timeout: manyRunsMs }, async () => {
    expect(await killAtEveryNode('activate-and-pool', 2, scene)).toBe(8 + 2)
  })
})

describe('handle-breach', () => {
  const orderOf = ({ honest, dispute }: Breach, rates: object[] = []) => ({
    dispute_id: String(dispute),
    ...unitsOrder(honest),
    rates: asJson(rates),
  })
  const scene = async (withRate = false): Promise<Scene & Breach> => {
    const breach = await convict()
    const { id } = withRate ? await openSession() : { id: null }
    const rates = id === null ? [] : [await rateOrder(id, 1, rateWei, 0n)]
    return {
      ...breach,
      input: orderOf(breach, rates),
      async check() {
        expect(await coalition.disputeOf(breach.dispute)).toMatchObject({ verdict: guilty, isSettled: true })
        expect((await members()).map(([account]) => account)).toEqual(breach.honest.map(lower))
        expect(await unitsOf(breach.culprit)).toBe(0n)
        if (id !== null) expect(await session(id)).toMatchObject({ state: 2, rateWei })
      },
    }
  }

  it('slashes, takes the units, and spreads the stream over those who stay', async () => {
    const { id, payer } = await openSession()
    const parties = operators(3)
    const pooled = { coalition_id: String(await coalition.propose(parties)), ...unitsOrder(parties) }
    expect(await run('activate-and-pool', pooled)).toMatchObject({ status: 'success' })
    expect(await run('stream-start', await rateOrder(id, 1, rateWei, 1000n))).toMatchObject({ status: 'success' })
    const breach = await convict(parties, id)
    const creditsOf = () =>
      Promise.all([payer, accuser(), ...breach.honest].map(key => coalition.creditOf(key.address)))
    const before = await creditsOf()
    const { dueAtomic: harmAtomic } = await session(id)
    expect(harmAtomic).toBe(1000n)

    const ran = await run('handle-breach', orderOf(breach, [await rateOrder(id, 2, rateWei, 1500n)]))
    expect(ran).toMatchObject({ status: 'success', error: null })
    expect(sentBy(ran)).toEqual(['Settle', 'Set units', 'Set rate'])
    expect(await unitsOf(breach.culprit)).toBe(0n)
    expect(await session(id)).toMatchObject({ state: 2, rateWei, epoch: 2n })
    // The harmed payer first, then the accuser's cost and bond, the rest in halves.
    const rest = (stakeAtomic - harmAtomic - accuserCostAtomic) / 2n
    const gained = (await creditsOf()).map((after, at) => after - (before[at] ?? 0n))
    expect(gained).toEqual([harmAtomic, accuserCostAtomic + bondAtomic, rest, rest])
  })

  it('changes nothing when it runs twice', async () => {
    const { input, check } = await scene()
    await run('handle-breach', input)
    const held = await coalition.held()
    expect(await run('handle-breach', input)).toMatchObject({ status: 'success', transactions: [] })
    expect(await coalition.held()).toBe(held)
    await check()
  })

  it('takes the units where somebody else settled', async () => {
    const { dispute, input, check } = await scene()
    await coalition.send(coalition.relay.settle(dispute))
    expect(sentBy(await run('handle-breach', input))).toEqual(['Set units'])
    await check()
  })

  it('stops the streams where nobody honest is left', async () => {
    const { id } = await openSession()
    const alone = operators(1)
    const pooled = { coalition_id: String(await coalition.propose(alone)), ...unitsOrder(alone) }
    expect(await run('activate-and-pool', pooled)).toMatchObject({ status: 'success' })
    expect(await run('stream-start', await rateOrder(id, 1, rateWei, 0n))).toMatchObject({ status: 'success' })
    const breach = await convict(alone)
    const ran = await run('handle-breach', orderOf(breach, [await rateOrder(id, 2, 0n, 0n)]))
    expect(ran).toMatchObject({ status: 'success', error: null })
    expect(await members()).toEqual([])
    expect(await session(id)).toMatchObject({ state: 1, rateWei: 0n })
  })

  it.each([
    ['nobody decided', open],
    ['the verdict is innocent', innocent],
  ])('does nothing where %s', async (_, verdict) => {
    const breach = await accuse()
    if (verdict === innocent) await coalition.decide(breach.dispute, false)
    const before = [await members(), await coalition.held()]
    const ran = await run('handle-breach', orderOf(breach))
    expect(ran).toMatchObject({ status: 'success', transactions: [] })
    expect(await coalition.disputeOf(breach.dispute)).toMatchObject({ verdict })
    expect([await members(), await coalition.held()]).toEqual(before)
  })

  it('calls back once, whatever it found', async () => {
    const tokens = createCallbackTokens({ db: home.database.db, clock: hostClock, secret: 'test' })
    const breach = await accuse()
    const subject = { outboxId: 'row-5', transition: 'handle-breach' }
    const told = {
      outbox_id: 'row-5',
      callback_url: `https://pool.example${callbackPath}`,
      callback_token: await tokens.issue(subject),
    }
    hints = []
    const input = { ...orderOf(breach), ...told }
    for (let at = 0; at < 2; at++) expect(await run('handle-breach', input)).toMatchObject({ status: 'success' })
    expect(hints).toEqual(['row-5'])
  })

  it('is ended by the next process, wherever it was cut', { timeout: manyRunsMs }, async () => {
    expect(await killAtEveryNode('handle-breach', 3, () => scene(true))).toBe(12 + 3)
  })
})

describe('cast-vote', () => {
  const ballot = async (auditor: Key, dispute: bigint, isGuilty = true): Promise<KeeperInput> => {
    const { signature } = await coalition.signedVote(auditor, dispute, isGuilty)
    return { dispute_id: String(dispute), is_guilty: isGuilty, auditor: lower(auditor), signature }
  }

  it('lets independent organisations decide, and the keeper act only then', { timeout: manyRunsMs }, async () => {
    const breach = await accuse()
    const act = { dispute_id: String(breach.dispute), ...unitsOrder(breach.honest), rates: [] }
    const organisations: Home[] = []
    try {
      for (const [at, auditor] of coalition.auditors.entries()) {
        expect(await run('handle-breach', act)).toMatchObject({ transactions: at < 2 ? [] : [{}, {}] })
        const organisation = await openHome(testAccount(`organisation ${at}`))
        organisations.push(organisation)
        const ran = await run('cast-vote', await ballot(auditor, breach.dispute), organisation)
        expect(ran).toMatchObject({ status: 'success', error: null })
        // Two of three decide; a third finds nothing to do.
        expect(sentBy(ran)).toEqual(at < 2 ? ['Vote'] : [])
      }
    } finally {
      for (const organisation of organisations) await closeHome(organisation)
    }
    expect(await coalition.disputeOf(breach.dispute)).toMatchObject({
      guiltyVotes: 2,
      verdict: guilty,
      isSettled: true,
    })
  })

  it('counts once when it runs twice', async () => {
    const { dispute } = await accuse()
    const [auditor] = coalition.auditors as [Key]
    const input = await ballot(auditor, dispute)
    expect(sentBy(await run('cast-vote', input))).toEqual(['Vote'])
    expect(await run('cast-vote', input)).toMatchObject({ status: 'success', transactions: [] })
    expect(await coalition.disputeOf(dispute)).toMatchObject({ guiltyVotes: 1, verdict: open })
  })

  it('is refused by name from whoever is no auditor', async () => {
    const { dispute } = await accuse()
    const nobody = chain.accounts.stranger
    const refused = await run('cast-vote', await ballot(nobody, dispute))
    expect(refused).toMatchObject({ status: 'error', transactions: [] })
    expect(refused.error).toBe(`Vote: The contract refused: NotAuditor(${nobody.address})`)
  })

  it('is ended by the next process, wherever it was cut', { timeout: manyRunsMs }, async () => {
    const scene = async (): Promise<Scene> => {
      const { dispute } = await accuse()
      const [auditor] = coalition.auditors as [Key]
      return {
        input: await ballot(auditor, dispute),
        async check() {
          expect(await coalition.disputeOf(dispute)).toMatchObject({ guiltyVotes: 1, verdict: open })
        },
      }
    }
    expect(await killAtEveryNode('cast-vote', 1, scene)).toBe(7 + 1)
  })
})
