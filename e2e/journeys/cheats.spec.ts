/**
 * Tabs that cheat, in a pool with a price and a stake, one after the other in the same seat: each is caught and out, the waiting tab takes its
 * place and answers right until it cheats itself, its stake is taken on chain through the workflow, and text and money of everybody else are right.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { streamVaultAbi, superfluidPoolAbi, usdcAbi } from '@computepool/contracts/abi'
import { embeddedRules } from '@computepool/contracts/deploy'
import { createCoalitionReader } from '@computepool/orchestrator/coalition/index.ts'
import { type RunningOrchestrator, startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { activityRunsSchema, type WorkflowRun } from '@computepool/shared/money'
import { expect, type Page, test } from '@playwright/test'
import type { Hex } from 'viem'
import type { Cheat } from '../../web/testing/cheating-engine.ts'
import { type FollowedPeers, followPeers } from '../harness/follow-peers.ts'
import { demoPackDir as packDir, type Reply, readTranscripts, shortestFirst } from '../harness/golden-answers.ts'
import { openTabs } from '../harness/open-ring.ts'
import { createPayingClient, type PaidSession, receivedWei } from '../harness/paying-client.ts'
import { type CheatingWorker, serveCheatingWorker } from '../harness/serve-cheating-worker.ts'
import { disputesOf, untilPool } from '../harness/watch-pool.ts'

const transcripts = shortestFirst(await readTranscripts())
/** Who is not caught by then is not caught. */
const mostAnswers = 20
const auditors = 3
const stakeAtomic = 5_000_000n
const capAtomic = 1_000_000n
/** Room for three of six layers and a full cache: each seat holds half, however fast its tab seems to be. */
const memoryBytes = 4_600_000
/** Three convictions on one chain: most of it is waiting, for links, for stakes and for votes. */
test.describe.configure({ timeout: 400_000 })
const cheats = ['garbage', 'replayed', 'skipped layers'] satisfies Cheat[]

let dataDir: string
let cheating: CheatingWorker
let server: RunningOrchestrator
let peers: FollowedPeers
test.beforeAll(async () => {
  // The auditors' process takes its loaders from this one, whose own the test runner has set up inside.
  process.execArgv.push('--import', 'tsx')
  dataDir = await mkdtemp(path.join(os.tmpdir(), 'computepool-cheats-'))
  // Nobody answers an accusation here: a test need not wait for it.
  const chain = { kind: 'embedded', rules: { ...embeddedRules, responseSeconds: 1 } } as const
  const starting = startOrchestrator({
    ...{ port: 0, packDir, minSeats: 2, maxSeats: 2, auditors },
    money: { mode: 'paid', chain, dataDir, stakeAtomic },
  })
  cheating = await serveCheatingWorker()
  server = await starting
  peers = followPeers(server.desk)
  // They sign in as tabs do: who comes after them is a tab.
  await Promise.all(Array.from({ length: auditors }, peers.next))
})

test.afterAll(async () => {
  await server.close()
  await cheating.close()
  await rm(dataDir, { recursive: true, force: true })
})

const walletOf = (peer: string): string => peer.slice(0, 42).toLowerCase()
const seated = (): string[] => server.desk.snapshot().seats.map(({ peer }) => walletOf(peer))

interface Told {
  readonly weight: number
  readonly failed: number
  readonly changes: readonly { readonly reason: string }[]
}

async function standingOf(wallet: string): Promise<Told> {
  return (await fetch(`${server.url}/api/operators/${wallet}/standing`)).json()
}

/** What the owner sees of the keeper. */
async function runsOf(workflow: string): Promise<WorkflowRun[]> {
  const headers = { authorization: `Bearer ${server.money!.desk.ownerToken}` }
  const { runs } = activityRunsSchema.parse(await (await fetch(`${server.url}/api/activity/runs`, { headers })).json())
  return runs.filter(run => run.workflow === workflow)
}

/** No check is under way. */
function areChecksOver(): boolean {
  const { drawn, agreed, differs, withheld, unanswered, unjudged } = server.desk.snapshot().checks!
  return drawn === agreed + differs + withheld + unanswered + unjudged
}

/** Both who serve now have a stake in their coalition. */
const untilStaked = (): Promise<true> =>
  untilPool(server.url, ({ rings = [] }) => {
    const { state, staked, of } = rings[0]?.stake ?? {}
    return (state === 'active' && staked === 2 && of === 2) || null
  })

async function askOn(session: PaidSession, { messages }: (typeof transcripts)[number], most = 128): Promise<Reply> {
  const response = await session.ask({ model: server.model, messages, temperature: 0, max_tokens: most })
  const body = await response.json()
  expect(response.status, JSON.stringify(body)).toBe(200)
  return body as Reply
}

test('three cheats in turn are caught, replaced and slashed, and everybody else has what is theirs', async ({
  browser,
}) => {
  // A minute of a quiet machine: rings form anew three times.
  test.setTimeout(300_000)
  const { url } = server
  const tabs = new Map<string, Page>()
  const open = async (cheat?: Cheat): Promise<string> => {
    const peer = peers.next()
    const serve = async (page: Page): Promise<void> => (cheat === undefined ? undefined : cheating.serveTo(page, cheat))
    const { pages } = await openTabs({ url, peers: 1, engine: 'wasm', memoryBytes, browser, onPage: serve })
    const wallet = walletOf(await peer)
    tabs.set(wallet, pages[0]!)
    return wallet
  }
  const cheaters = [await open(cheats[0])]
  const honest = [await open()]
  const payer = await createPayingClient(url)
  await payer.askFaucet()
  const startAtomic = await payer.usdcAtomic()
  const sessions: PaidSession[] = []
  // Of its own: a stake pays back what its session owes, as the chain has booked it by then.
  let rightAnswers: PaidSession | null = null
  let asked = 0

  for (const [turn, cheat] of cheats.entries()) {
    await test.step(`${cheat}: caught, and the waiting tab takes its place`, async () => {
      const cheater = cheaters[turn]!
      const next = cheats[turn + 1]
      // Whoever came before that could get a seat of it.
      await peers.untilPrepared(2)
      const [waiting, session] = await Promise.all([open(next), payer.openSession(capAtomic), untilStaked()])
      ;(next === undefined ? honest : cheaters).push(waiting)
      sessions.push(session)
      await peers.untilPrepared(3)
      expect(seated().sort()).toEqual([cheater, honest[0]].sort())
      await cheating.tell(tabs.get(cheater)!)
      for (let answers = 0; (await standingOf(cheater)).weight > 0; answers++) {
        expect(answers, 'answers until it is caught').toBeLessThan(mostAnswers)
        await askOn(session, transcripts[asked++ % transcripts.length]!, 40)
        await expect.poll(() => areChecksOver() || !seated().includes(cheater), { intervals: [50] }).toBe(true)
      }
      const { changes } = await standingOf(cheater)
      expect(changes[0]!.reason).toContain('A check computed your layers again and got something else')
      await expect.poll(() => seated().sort(), { intervals: [50] }).toEqual([waiting, honest[0]].sort())
      await peers.untilPrepared(2)
      rightAnswers ??= await payer.openSession(capAtomic)
      const reply = await askOn(rightAnswers, transcripts[turn]!)
      expect(reply.choices[0]!.message.content).toBe(transcripts[turn]!.text)
      expect(reply.computepool.route).toHaveLength(2)
    })
  }
  for (const wallet of honest) expect(await standingOf(wallet)).toMatchObject({ failed: 0 })

  await test.step('stakes are taken and given to whom they belong', async () => {
    const { chain, terms } = payer
    const isSettled = async (): Promise<boolean> => {
      const views = await disputesOf(url)
      if (views.length < cheats.length || views.some(({ state }) => state !== 'settled')) return false
      const { creditOf } = createCoalitionReader(chain, views[0]!.onChain!.registry as Hex)
      const theirs = [payer.address, views[0]!.onChain!.accuser as Hex, ...(honest as Hex[])]
      return (await Promise.all(theirs.map(creditOf))).every(credit => credit === 0n)
    }
    await expect.poll(isSettled, { intervals: [500] }).toBe(true)
    const settled = await disputesOf(url)
    const succeeded = (await runsOf('handle-breach')).filter(({ status }) => status === 'success')
    const carried = succeeded.flatMap(({ transactionHashes }) => transactionHashes)
    for (const { transactions } of settled)
      expect(carried).toContain(transactions.find(({ what }) => what === 'settled')!.hash)
    await untilStaked()
    const receipts = await Promise.all([...sessions, rightAnswers!].map(session => session.close()))
    expect(receipts.at(-1)!.refundedBySlashAtomic).toBeUndefined()
    const coalitions = createCoalitionReader(chain, settled[0]!.onChain!.registry as Hex)
    const usdc = (account: string): Promise<bigint> =>
      chain.readContract({
        ...{ address: terms.usdc as Hex, abi: usdcAbi, functionName: 'balanceOf', args: [account as Hex] },
      })
    let toPayerAtomic = 0n
    for (const [turn, cheater] of cheaters.entries()) {
      // Two wrong answers may have been judged by then. What the first left of a stake is nothing.
      const [dispute, ...others] = settled.filter(({ accused }) => accused === cheater).reverse()
      const { payerAtomic, onChain } = dispute!
      expect(dispute).toMatchObject({ reason: 'wrong-output', slashedAtomic: stakeAtomic })
      for (const { slashedAtomic } of others) expect(slashedAtomic).toBe(0n)
      expect(onChain).toMatchObject({ quorum: 2, innocentVotes: 0 })
      // What the chain had booked by then, of the wrong answers: a stream that stopped just now is booked up with the next command.
      expect(payerAtomic).toBeGreaterThan(0n)
      expect(payerAtomic).toBeLessThanOrEqual(receipts[turn]!.paidAtomic)
      expect(receipts[turn]!.refundedBySlashAtomic).toBe(payerAtomic)
      toPayerAtomic += payerAtomic!
      const { coalition } = await coalitions.disputeOf(BigInt(onChain!.dispute))
      expect(await coalitions.stakeOf(coalition, cheater as Hex)).toMatchObject({ amountAtomic: 0n, isGuilty: true })
      expect(await usdc(cheater)).toBe(0n)
      await expect(tabs.get(cheater)!.getByTestId('own-stake')).toHaveAttribute('data-state', 'slashed')
    }
    const paidAtomic = receipts.reduce((sum, receipt) => sum + receipt.paidAtomic, 0n)
    expect(await payer.usdcAtomic()).toBe(startAtomic - paidAtomic + toPayerAtomic)
    // All of it went to whoever served and checked, but for what the books say.
    const checkers = (server.desk.snapshot().auditPay ?? []).map(({ operator }) => operator)
    const earnedWei = await Promise.all([...cheaters, ...honest, ...checkers].map(wallet => receivedWei(payer, wallet)))
    const vault = { address: terms.vault as Hex, abi: streamVaultAbi } as const
    const [prepaidWei, owedWei] = await Promise.all([
      chain.readContract({ ...vault, functionName: 'prepaidWei' }),
      chain.readContract({ ...vault, functionName: 'owedWei' }),
    ])
    const earned = earnedWei.reduce((sum, wei) => sum + wei, 0n)
    expect(earned).toBe(paidAtomic * 10n ** 12n + prepaidWei - (owedWei > 0n ? owedWei : 0n))
    expect(await receivedWei(payer, honest[0]!)).toBeGreaterThan(0n)

    // The honest have their stakes, and all that neither the payer nor the accuser got.
    const slashes = BigInt(cheats.length)
    const sharesAtomic = slashes * (stakeAtomic - embeddedRules.accuserCostAtomic) - toPayerAtomic
    const dustAtomic = await coalitions.creditOf((await coalitions.config()).treasury)
    const [first, second] = await Promise.all(honest.map(usdc))
    expect(first! + second! + dustAtomic).toBe(sharesAtomic)
    expect(first).toBeGreaterThan(0n)
    expect((await coalitions.totals()).heldAtomic).toBe(2n * stakeAtomic + dustAtomic)
    const units = (member: string): Promise<bigint> =>
      chain.readContract({
        ...{ address: terms.pool as Hex, abi: superfluidPoolAbi, functionName: 'getUnits', args: [member as Hex] },
      }) as Promise<bigint>
    for (const cheater of cheaters) expect(await units(cheater)).toBe(0n)
    await expect.poll(async () => (await Promise.all(honest.map(units))).every(one => one > 0n)).toBe(true)
  })
})
