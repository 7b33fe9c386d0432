/**
 * The demo's other half, with money: four headless operators stake on a chain of their own, one computes garbage, is found out, replaced, accused,
 * judged and slashed. Where work is free `demo-cheat` shows as much of it as happens without a stake.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { decodeEvidence } from '@computepool/shared/audit'
import type { Receipt } from '@computepool/shared/money'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { garbage } from '../../shared/testing/cheats/index.ts'
import { openAuditedSwarm, walletOf } from '../harness/audited-swarm.ts'
import { forkOrchestrator, type OrchestratorProcess } from '../harness/orchestrator-process.ts'
import { createPayingClient, type PayingClient } from '../harness/paying-client.ts'
import { disputesOf, untilPool } from '../harness/watch-pool.ts'
import { openWrappedNode, type WrappedNode } from '../harness/wrapped-node.ts'
import type { CheatDemo } from './demo-cheat.ts'

export interface SlashDemo extends Omit<CheatDemo, 'slashedAtomic'> {
  readonly stakeAtomic: string
  /** All of it from the cheat's stake; part of it went to whom the wrong answer was sold. */
  readonly slashedAtomic: string
  readonly payerAtomic: string
  readonly paidAtomic: string
  readonly votes: { readonly guilty: number; readonly innocent: number; readonly quorum: number }
  readonly transactions: ReadonlyArray<{ readonly what: string; readonly hash: string }>
}

export interface SlashStage {
  readonly pool: OrchestratorProcess
  /** Where the pool keeps its keys and its books. */
  readonly dataDir: string
  readonly nodes: readonly WrappedNode[]
  /** The one that sits in the middle. */
  cheat(): WrappedNode
  close(): Promise<void>
}

export interface SlashQuestion {
  readonly messages: ReadonlyArray<{ readonly role: string; readonly content: string }>
  readonly maxTokens: number
  /** What the whole model says to it. */
  readonly wholeText: string
}

const stakeAtomic = '5000000'
const mostAnswers = 20
const usdc = (atomic: bigint): string => `${(Number(atomic) / 1e6).toFixed(6)} USDC`

/** Errors: a sentence where it was not caught, or an answer afterwards was not right. */
export async function demoSlash(
  packDir: string,
  prompt: string,
  maxTokens: number,
  say: (line: string) => void,
): Promise<SlashDemo> {
  const whole = await openAuditedSwarm({ packDir, seats: 1, peers: [{}] })
  const wholeText = (await whole.ask(prompt, maxTokens)).text
  await whole.close()
  say('Starting an orchestrator with a chain and three auditors …')
  const stage = await openSlashStage(packDir, 3)
  try {
    const payer = await createPayingClient(stage.pool.url)
    await payer.askFaucet()
    const messages = [{ role: 'user', content: prompt }]
    return (await showSlash(stage, payer, { messages, maxTokens, wholeText }, say)).figures
  } finally {
    await stage.close()
  }
}

/** A pool with a chain of its own and four operators that stake, of whom the first in the middle will cheat. Close it afterwards. */
export async function openSlashStage(packDir: string, responseSeconds: number): Promise<SlashStage> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'computepool-demo-cheat-'))
  const nodes: WrappedNode[] = []
  let cheat: number | null = null
  let pool: OrchestratorProcess | null = null
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map(node => node.leave()))
    await pool?.close()
    await rm(dataDir, { recursive: true, force: true })
  }
  try {
    const trust = { stakeAtomic, auditors: 3, seats: 3, rules: { responseSeconds } }
    pool = await forkOrchestrator({ packDir, dataDir, trust })
    for (let index = 0; index < 4; index++) {
      const node = await openWrappedNode(pool.url, async (slice, open) => {
        const isMiddle = slice.layers.start > 0 && slice.layers.end < slice.manifest.dimensions.layers
        if (cheat === null && isMiddle) cheat = index
        const engine = await open(slice)
        return cheat === index ? garbage(engine, { vocab: slice.manifest.dimensions.vocab }) : engine
      })
      nodes.push(node)
    }
    return { pool, dataDir, nodes, cheat: () => nodes[cheat!]!, close }
  } catch (thrown) {
    await close()
    throw thrown
  }
}

/** From the stakes to the money, told line by line; on a stage that nothing was asked of yet. Errors: as `demoSlash`. */
export async function showSlash(
  { pool: { url }, cheat }: SlashStage,
  payer: PayingClient,
  { messages, maxTokens, wholeText }: SlashQuestion,
  say: (line: string) => void,
): Promise<{ readonly figures: SlashDemo; readonly receipt: Receipt }> {
  say(`Four headless operators joined ${url}; one of them will send garbage. Waiting until three have staked …`)
  const staked = await untilPool(url, view => (view.rings?.[0]?.stake?.state === 'active' ? view : null))
  const operator = cheat().wallet
  say(drawRing(staked, operator))

  const session = await payer.openSession(1_000_000n)
  const ask = async (): Promise<{ text: string; route: string[] }> => {
    const body = { model: staked.model, messages, temperature: 0, max_tokens: maxTokens }
    const { choices, computepool } = await (await session.ask(body)).json()
    const route = computepool.route.map(({ peer }: { peer: string }) => walletOf(peer))
    return { text: choices[0].message.content, route }
  }
  let answers = 0
  let wrongText = ''
  let found = 0
  while (found === 0) {
    if (answers === mostAnswers) throw new Error(`After ${answers} answers nobody was caught.`)
    wrongText = (await ask()).text
    answers++
    say(`Answer ${answers}: ${JSON.stringify(wrongText.slice(0, 60))}`)
    found = await untilPool(url, ({ checks }) => {
      const { drawn, agreed, differs, withheld, unanswered, unjudged } = checks!
      return drawn === agreed + differs + withheld + unanswered + unjudged ? differs : null
    })
  }
  const { evidence, reason } = await untilPool(url, async () => (await disputesOf(url))[0] ?? null)
  const after = await untilPool(url, view => {
    const isOut = view.seats.every(({ peer }) => walletOf(peer) !== operator)
    return view.status === 'ready' && isOut ? view : null
  })
  const bytes = new Uint8Array(await (await fetch(`${url}${evidence!.path}`)).arrayBuffer())
  const { finding, tolerance, attempts, engines } = decodeEvidence(bytes).header
  const { start, end } = attempts.at(-1)!.receipt.layers
  const { over, positions, worst } = finding
  say(
    `${operator} was caught: layers ${start} to ${end - 1} were computed again (${engines.auditor.kind} ${engines.auditor.dtype}), and ` +
      `${over} of ${positions} rows differ, the worst by ${worst.toPrecision(3)} where ${tolerance.relative} is honest. Its ring goes on without it:`,
  )
  say(drawRing(after, operator))
  const { text, route } = await ask()
  if (text !== wholeText || route.includes(operator)) throw new Error(`The next answer is not right: ${text}`)
  say(`The next answer is what the whole model says:\n\n${text}\n`)

  say('It is accused on the chain; auditors replay the evidence and vote …')
  const settled = await untilPool(url, async () => {
    const view = (await disputesOf(url))[0]
    return view?.state === 'settled' ? view : null
  })
  const { guiltyVotes, innocentVotes, quorum } = settled.onChain!
  const [slashed, payerAtomic] = [settled.slashedAtomic ?? 0n, settled.payerAtomic ?? 0n]
  say(
    `${guiltyVotes} of its auditors said guilty (${quorum} must). ${usdc(slashed)} of its stake were slashed: ${usdc(payerAtomic)} go back to whoever ` +
      'paid for the wrong answer, then the accuser’s cost, the rest in equal parts to the honest members.',
  )
  const receipt = await session.close()
  if (receipt.refundedBySlashAtomic !== payerAtomic) throw new Error('The receipt does not show what was paid back.')
  const figures: SlashDemo = {
    cheat: 'garbage',
    caught: { operator, layers: [start, end], what: reason, answers },
    check: { positions, over, worst, tolerance: tolerance.relative, evidenceSha256: evidence!.sha256 },
    stakeAtomic,
    slashedAtomic: slashed.toString(),
    payerAtomic: payerAtomic.toString(),
    paidAtomic: receipt.paidAtomic.toString(),
    votes: { guilty: guiltyVotes, innocent: innocentVotes, quorum },
    transactions: settled.transactions,
    ...{ wrongText, text, wholeText, route },
  }
  return { figures, receipt }
}

/** Entry first; the exit hands its tokens back to it. */
function drawRing({ seats }: PoolSnapshot, cheat: string): string {
  const drawn = seats.map(({ peer, layers, isStaked }) => {
    const wallet = walletOf(peer)
    const name = `${wallet.slice(0, 6)}…${wallet.slice(-4)}`
    const mark = wallet === cheat ? ' ✗ garbage' : ''
    return `${name} (layers ${layers.start}–${layers.end - 1}${isStaked === true ? ', staked' : ''}${mark})`
  })
  return `  ┌▶ ${drawn.join(' ─▶ ')} ─┐\n  └${'─'.repeat(24)} token ${'─'.repeat(24)}┘`
}
