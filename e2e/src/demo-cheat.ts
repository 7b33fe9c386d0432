/**
 * The demo’s other half: one of three operators answers with garbage, and the pool finds out. Headless peers in this process, with wallets of
 * their own; a pool without a stake, so that whoever is caught loses its place and its standing, and no money.
 */
import { decodeEvidence } from '@computepool/shared/audit'
import type { SliceRequest } from '@computepool/shared/ports'
import { garbage } from '../../shared/testing/cheats/index.ts'
import { openAuditedSwarm, type PeerOptions, walletOf } from '../harness/audited-swarm.ts'

export interface CheatDemo {
  readonly cheat: 'garbage'
  readonly caught: {
    readonly operator: string
    readonly layers: readonly [number, number]
    readonly what: string
    /** Answers until then, the wrong ones included. */
    readonly answers: number
  }
  /** What was computed again, as the evidence has it. */
  readonly check: {
    readonly positions: number
    readonly over: number
    readonly worst: number
    readonly tolerance: number
    readonly evidenceSha256: string
  }
  /** Nobody has put one up in this pool. */
  readonly slashedAtomic: '0'
  readonly wrongText: string
  readonly text: string
  /** What one node says alone, with all layers: `text` is the same, or the demo fails. */
  readonly wholeText: string
  readonly route: readonly string[]
}

const isMiddle = ({ layers, manifest }: SliceRequest): boolean =>
  layers.start > 0 && layers.end < manifest.dimensions.layers

const mostAnswers = 20

/** Errors: a sentence where it was not caught, or an answer afterwards was not right. */
export async function demoCheat(
  packDir: string,
  prompt: string,
  maxTokens: number,
  say: (line: string) => void,
): Promise<CheatDemo> {
  const whole = await openAuditedSwarm({ packDir, seats: 1, peers: [{}] })
  const wholeText = (await whole.ask(prompt, maxTokens)).text
  await whole.close()
  let cheat: number | null = null
  const peers = Array.from(
    { length: 4 },
    (_, index): PeerOptions => ({
      openSlice: async (slice, open) => {
        if (cheat === null && isMiddle(slice)) cheat = index
        const engine = await open(slice)
        return cheat === index ? garbage(engine, { vocab: slice.manifest.dimensions.vocab }) : engine
      },
    }),
  )
  const swarm = await openAuditedSwarm({ packDir, seats: 3, peers, auditors: [{}, {}, {}] })
  try {
    const { desk, app } = swarm.orchestrator
    say(`Three operators share the model; ${swarm.peers[cheat!]!.wallet} sends garbage. One waits, three audit.`)
    let answers = 0
    let wrongText = ''
    while (swarm.breaches.length === 0) {
      if (answers === mostAnswers) throw new Error(`After ${answers} answers nobody was caught.`)
      wrongText = (await swarm.ask(prompt, maxTokens)).text
      answers++
      say(`Answer ${answers}: ${JSON.stringify(wrongText.slice(0, 60))}`)
      await swarm.until('checks that ended', () => {
        const { drawn, agreed, differs, withheld, unanswered, unjudged } = desk.snapshot().checks!
        return swarm.breaches.length > 0 || drawn === agreed + differs + withheld + unanswered + unjudged
      })
    }
    const { operator, what, evidence } = swarm.breaches[0]!
    const bytes = new Uint8Array(await (await app.request(evidence.path)).arrayBuffer())
    const { finding, tolerance, attempts, engines } = decodeEvidence(bytes).header
    const { start, end } = attempts.at(-1)!.receipt.layers
    say(
      `${operator} was caught: layers ${start} to ${end - 1} were computed again (${engines.auditor.kind} ${engines.auditor.dtype}), and ` +
        `${finding.over} of ${finding.positions} rows differ, the worst by ${finding.worst.toPrecision(3)} where ${tolerance.relative} is honest.`,
    )
    say(
      'Nobody who replayed the evidence found otherwise. It is out; nothing was slashed, for nobody had staked anything.',
    )
    await swarm.until('a ring without it', () => {
      const { status, seats } = desk.snapshot()
      return status === 'ready' && !seats.some(({ peer }) => walletOf(peer) === operator)
    })
    const { text, route } = await swarm.ask(prompt, maxTokens)
    if (text !== wholeText || route.includes(operator)) throw new Error(`The next answer is not right: ${text}`)
    say(`The next answer is what the whole model says:\n\n${text}\n`)
    const { over, positions, worst } = finding
    return {
      cheat: 'garbage',
      caught: { operator, layers: [start, end], what, answers },
      check: { positions, over, worst, tolerance: tolerance.relative, evidenceSha256: evidence.sha256 },
      slashedAtomic: '0',
      ...{ wrongText, text, wholeText, route },
    }
  } finally {
    await swarm.close()
  }
}
