/**
 * All of it together, on a chain of its own: operators stake, a stranger pays for an answer, one operator computes garbage, is found out and
 * replaced, accused, judged by the auditors that run beside the pool, slashed through the workflow; and every cent is where it belongs. What
 * happens is what `npm run demo -- --cheat garbage` shows; its words and figures are held to the chain too.
 */
import { streamVaultAbi, superfluidPoolAbi, usdcAbi } from '@computepool/contracts/abi'
import { embeddedRules } from '@computepool/contracts/deploy'
import { createCoalitionReader } from '@computepool/orchestrator/coalition/index.ts'
import { decodeEvidence } from '@computepool/shared/audit'
import type { DisputeView } from '@computepool/shared/money'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import type { Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { walletOf } from '../harness/audited-swarm.ts'
import { demoPackDir, readTranscripts, shortestFirst } from '../harness/golden-answers.ts'
import { expectOwnRuns } from '../harness/own-runs.ts'
import { createPayingClient, receivedWei } from '../harness/paying-client.ts'
import { disputesOf, untilPool } from '../harness/watch-pool.ts'
import { openSlashStage, type SlashStage, showSlash } from './demo-slash.ts'

const stakeAtomic = 5_000_000n
const { bondAtomic, accuserCostAtomic } = embeddedRules
/** What the demo says and what `--json` prints. */
const lines: string[] = []
let stage: SlashStage

beforeAll(async () => {
  // Nobody answers an accusation here: a test need not wait for it.
  stage = await openSlashStage(demoPackDir, 1)
}, 120_000)
afterAll(() => stage?.close())

const until = <T>(look: (snapshot: PoolSnapshot) => Promise<T | null> | T | null): Promise<T> =>
  untilPool(stage.pool.url, look)
const disputes = (): Promise<DisputeView[]> => disputesOf(stage.pool.url)

test('a cheat is caught, replaced and slashed, and everybody else has what is theirs', {
  timeout: 120_000,
}, async () => {
  const [golden] = shortestFirst(await readTranscripts())
  const payer = await createPayingClient(stage.pool.url)
  await payer.askFaucet()
  const startAtomic = await payer.usdcAtomic()
  const question = { messages: golden!.messages, maxTokens: 40, wholeText: golden!.text }
  const { figures, receipt } = await showSlash(stage, payer, question, line => lines.push(line))
  const { nodes } = stage
  const cheater = stage.cheat()
  const honest = nodes.filter(node => node !== cheater)
  expect(figures).toMatchObject({ cheat: 'garbage', caught: { operator: cheater.wallet, what: 'wrong-output' } })
  expect(figures.wrongText).not.toBe(golden!.text)
  expect(figures).toMatchObject({ text: golden!.text, wholeText: golden!.text })
  expect(figures.route).toHaveLength(3)
  expect(figures.route).not.toContain(cheater.wallet)

  const { chain, terms } = payer
  const slashed = await until(async () => {
    const [view] = await disputes()
    if (view?.state !== 'settled') return null
    const { creditOf } = createCoalitionReader(chain, view.onChain!.registry as Hex)
    const theirs = [payer.address, view.onChain!.accuser as Hex, ...nodes.map(({ wallet }) => wallet as Hex)]
    return (await Promise.all(theirs.map(creditOf))).every(credit => credit === 0n) ? view : null
  })
  expect(await disputes()).toHaveLength(1)
  expect(slashed).toMatchObject({
    accused: cheater.wallet,
    reason: 'wrong-output',
    slashedAtomic: stakeAtomic,
    bondAtomic,
  })
  expect(slashed.onChain).toMatchObject({ quorum: 2, innocentVotes: 0 })
  // Through the keeper's workflow: who settles without it has another key.
  const { hash } = slashed.transactions.find(({ what }) => what === 'settled')!
  const { from } = await chain.getTransaction({ hash: hash as Hex })
  const vault = { address: terms.vault as Hex, abi: streamVaultAbi } as const
  expect(await chain.readContract({ ...vault, functionName: 'isKeeper', args: [from] })).toBe(true)
  await expectOwnRuns({ url: stage.pool.url, dataDir: stage.dataDir, chain }, slashed, hash as Hex)
  const bundle = await (await fetch(`${stage.pool.url}${slashed.evidence!.path}`)).arrayBuffer()
  const { accused, finding } = decodeEvidence(new Uint8Array(bundle)).header
  expect(walletOf(accused.peer)).toBe(cheater.wallet)
  expect(finding.over).toBeGreaterThan(0)

  // The demo's figures are the chain's.
  expect(JSON.parse(JSON.stringify(figures))).toEqual(figures)
  expect(figures).toMatchObject({
    ...{ stakeAtomic: String(stakeAtomic), slashedAtomic: String(stakeAtomic) },
    ...{ payerAtomic: String(slashed.payerAtomic), paidAtomic: String(receipt.paidAtomic) },
    votes: { guilty: slashed.onChain!.guiltyVotes, innocent: 0, quorum: 2 },
    check: { evidenceSha256: slashed.evidence!.sha256, over: finding.over, positions: finding.positions },
  })
  expect(figures.transactions.map(({ what }) => what)).toEqual(expect.arrayContaining(['accused', 'settled']))
  const words = lines.join('\n')
  expect(words.match(/┌▶.*/g)).toEqual([expect.stringContaining('✗ garbage'), expect.not.stringContaining('✗ garbage')])
  for (const told of [`${cheater.wallet} was caught`, golden!.text, '5.000000 USDC of its stake were slashed'])
    expect(words).toContain(told)
  expect(words).toContain(`${(Number(slashed.payerAtomic) / 1e6).toFixed(6)} USDC go back to whoever paid`)

  const wrongCost = receipt.requests[0]!.costAtomic
  expect(wrongCost).toBeGreaterThan(0n)
  expect(receipt.refundedBySlashAtomic).toBe(slashed.payerAtomic)
  // All that the session owed by then: the wrong answer at least.
  expect(slashed.payerAtomic).toBeGreaterThanOrEqual(wrongCost)
  expect(slashed.payerAtomic).toBeLessThanOrEqual(receipt.paidAtomic)
  expect(await payer.usdcAtomic()).toBe(startAtomic - receipt.paidAtomic + slashed.payerAtomic!)

  const usdc = (account: Hex): Promise<bigint> =>
    chain.readContract({ address: terms.usdc as Hex, abi: usdcAbi, functionName: 'balanceOf', args: [account] })
  const { registry, accuser, dispute } = slashed.onChain!
  const coalitions = createCoalitionReader(chain, registry as Hex)
  const id = (await coalitions.disputeOf(BigInt(dispute))).coalition
  // The accuser first, then in equal parts whoever was a member; dust is the treasury's.
  expect(await usdc(accuser as Hex)).toBe(bondAtomic + accuserCostAtomic)
  const shared = stakeAtomic - slashed.payerAtomic! - accuserCostAtomic
  const shares = (await Promise.all(honest.map(({ wallet }) => usdc(wallet as Hex)))).filter(share => share > 0n)
  expect(shares.length).toBeGreaterThanOrEqual(2)
  expect(new Set(shares)).toEqual(new Set([shared / BigInt(shares.length)]))
  const { treasury } = await coalitions.config()
  expect(await coalitions.creditOf(treasury)).toBe(shared % BigInt(shares.length))
  expect(await usdc(cheater.wallet as Hex)).toBe(0n)
  expect(await coalitions.stakeOf(id, cheater.wallet as Hex)).toMatchObject({ amountAtomic: 0n, isGuilty: true })

  // Units are those of who serves now, and whoever serves has a stake.
  await until(async ({ rings = [] }) => {
    const { state, staked, of } = rings[0]?.stake ?? {}
    return state === 'active' && staked === 3 && of === 3 ? true : null
  })
  const units = (member: string): Promise<bigint> =>
    chain.readContract({
      ...{ address: terms.pool as Hex, abi: superfluidPoolAbi, functionName: 'getUnits', args: [member as Hex] },
    }) as Promise<bigint>
  expect(await units(cheater.wallet)).toBe(0n)
  await until(async () => {
    const theirs = await Promise.all(honest.map(({ wallet }) => units(wallet)))
    return theirs.every(one => one > 0n) || null
  })
  await until(() => cheater.snapshot().stake?.state === 'slashed' || null)

  // What went in came out, or lies where the books say.
  const { heldAtomic } = await coalitions.totals()
  expect(await usdc(registry as Hex)).toBe(heldAtomic)
  expect(heldAtomic).toBe(3n * stakeAtomic + (shared % BigInt(shares.length)))
  // Whoever checked has a part of it.
  const auditors = await until(async ({ auditPay = [] }) => {
    const theirs = await Promise.all(auditPay.map(({ operator }) => units(operator)))
    return theirs.length > 0 && theirs.every(one => one > 0n && one <= 20n) ? auditPay : null
  })
  const paid = [...nodes.map(({ wallet }) => wallet), ...auditors.map(({ operator }) => operator)]
  const earnedWei = await Promise.all(paid.map(wallet => receivedWei(payer, wallet)))
  const [prepaidWei, owedWei] = await Promise.all([
    chain.readContract({ ...vault, functionName: 'prepaidWei' }),
    chain.readContract({ ...vault, functionName: 'owedWei' }),
  ])
  const earned = earnedWei.reduce((sum, wei) => sum + wei, 0n)
  expect(earned).toBe(receipt.paidAtomic * 10n ** 12n + prepaidWei - (owedWei > 0n ? owedWei : 0n))
})
