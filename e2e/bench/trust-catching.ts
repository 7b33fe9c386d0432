/**
 * How soon a cheat is met: some hundred answers, each served once by a ring with real receipts and computed again once (integer arithmetic in
 * the place of a model), then many secrets drawn over each receipt by `planChecks`.
 */
import {
  catchChanceWithin,
  defaultCheckPolicy,
  digestOfReceipt,
  planChecks,
  positionsOf,
  type ReplayFrame,
  type RequestShape,
  recompute,
} from '@computepool/shared/audit'
import type { Activation } from '@computepool/shared/ports'
import { createSeededRandom, fakeManifest, openFakeEngine, type SeededRandom } from '@computepool/shared/testing'
import { garbage } from '../../shared/testing/cheats/index.ts'
import { withRun } from '../../shared/testing/cheats/wrap-engine.ts'
import { type BenchRow, benchRow } from './bench-report.ts'
import {
  caughtShare,
  clusterInterval,
  type DrawnAnswer,
  judgeReach,
  requestsUntilCaught,
  withinRequests,
} from './trust-interval.ts'
import { openTrustRing } from './trust-ring.ts'

const policy = defaultCheckPolicy
const tolerance = { relative: 1e-3, logit: 1e-3 }
const confidence = 0.99

const short: RequestShape = { promptTokens: 60, answerTokens: 150, chunk: 16 }
const long: RequestShape = { promptTokens: 400, answerTokens: 250, chunk: 64 }
const quickShape: RequestShape = { promptTokens: 24, answerTokens: 40, chunk: 16 }

interface CatchCase {
  readonly shape: RequestShape
  readonly share: number
  readonly requests: number
  readonly answers: number
  /** Secrets over each answer. */
  readonly secrets: number
  /** Without it the figure stands beside the formula alone. */
  readonly isReach: boolean
}

/**
 * On all steps each answer is as good as another: few answers, many secrets, and any shape stands for all. On some, answers differ, and it takes
 * many of them. Longer prompts take longer than the whole bench may.
 */
const cases: readonly CatchCase[] = [
  { shape: short, share: 1, requests: 5, answers: 60, secrets: 2000, isReach: true },
  { shape: short, share: 0.1, requests: 50, answers: 200, secrets: 200, isReach: true },
  { shape: short, share: 0.02, requests: 10, answers: 200, secrets: 200, isReach: false },
  { shape: long, share: 0.1, requests: 50, answers: 320, secrets: 200, isReach: true },
]

/** Errors: what a ring or a replay raised. */
export async function measureCatching({ isQuick }: { readonly isQuick: boolean }): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const full of isQuick ? cases.slice(0, 3) : cases) {
    const one = isQuick ? { ...full, shape: quickShape, answers: Math.ceil(full.answers / 4) } : full
    const before = performance.now()
    const random = createSeededRandom(Math.round(1000 * one.share) + one.shape.promptTokens)
    const answers = await drawnAnswers(one, random)
    rows.push(...rowsOf(one, answers, random))
    const seconds = ((performance.now() - before) / 1000).toFixed(0)
    console.error(`${one.share * 100} % of steps: ${answers.length} answers in ${seconds} s`)
  }
  return rows
}

function rowsOf(
  { shape, share, requests, isReach }: CatchCase,
  answers: readonly DrawnAnswer[],
  { next }: SeededRandom,
): BenchRow[] {
  const { low, high } = clusterInterval(answers.map(caughtShare), { next })
  const interval = { low: withinRequests(low, requests), high: withinRequests(high, requests) }
  const runs = Array.from({ length: 100_000 }, () => requestsUntilCaught(answers, 1000, next))
  const within = runs.filter(count => count <= requests).length / runs.length
  const verdict = judgeReach(interval, confidence)
  const name = `${shape.promptTokens} + ${shape.answerTokens} (${shape.chunk}), cheats on ${share * 100} % of steps`
  const cheating = { share, pattern: 'scattered' } as const
  return [
    {
      ...benchRow(`${name}: out within ${requests}`, 'share', [within]),
      ...interval,
      ...(isReach && { reach: confidence, ok: verdict === 'reached', verdict }),
    },
    benchRow(`${name}: … by the formula`, 'share', [
      catchChanceWithin({ policy, cheating, shapes: [shape] }, requests),
    ]),
    benchRow(`${name}: requests until caught`, 'requests', runs),
  ]
}

/** Two seats, of which the entry cheats by a coin for each step. */
async function drawnAnswers(
  { shape, share, answers, secrets }: CatchCase,
  random: SeededRandom,
): Promise<DrawnAnswer[]> {
  const { promptTokens, answerTokens, chunk } = shape
  const positions = positionsOf(shape)
  const manifest = fakeManifest({ dimensions: { layers: 2, vocab: 64, context: positions + 1 } })
  const { vocab } = manifest.dimensions
  const open = (seat: number) =>
    openFakeEngine({ manifest, layers: { start: seat, end: seat + 1 } }, { maxChunk: chunk })
  let frames: ReplayFrame[] = []
  let outputs: Activation[] = []
  const cheat = garbage(open(0), { vocab, which: () => random.next() < share })
  const watched = withRun(cheat, async rows => {
    const given = await cheat.run(rows)
    for (const [i, output] of given.entries()) {
      const { position, input } = rows[i]!
      if (output.kind !== 'activation') throw new Error(`The entry gave ${output.kind}.`)
      frames.push({ position, rows: output.activation.tokens, input })
      outputs.push(output.activation)
    }
    return given
  })
  const ring = openTrustRing({ engines: [watched, open(1)], manifest, hasReceipts: true })
  const auditor = openFakeEngine({ manifest, layers: { start: 0, end: 1 } }, { maxChunk: 64 })
  const drawn: DrawnAnswer[] = []
  try {
    for (let answer = 0; answer < answers; answer++) {
      frames = []
      outputs = []
      const requestId = `answer-${answer}`
      const prompt = Array.from({ length: promptTokens }, () => random.int(vocab))
      const { receipts } = await ring.ask({ requestId, promptTokens: prompt, maxTokens: answerTokens })
      const claimed = { kind: 'activations' as const, outputs }
      const found = await recompute({ engine: auditor, frames, claimed, tolerance, requestId })
      if (found.positions !== positions) throw new Error(`${found.positions} positions went through, not ${positions}.`)
      const plan = {
        attempt: requestId,
        receiptHeads: [digestOfReceipt(receipts[0]!)],
        ...{ positions, keptPositions: 0, drawsFrom: () => null, policies: [policy] },
      }
      const ends = Array.from(
        { length: secrets },
        () => planChecks({ ...plan, secret: random.bytes(32) })[0]?.endPosition ?? 0,
      )
      drawn.push({ firstBad: found.firstOver, ends })
    }
    return drawn
  } finally {
    await ring.close()
  }
}
