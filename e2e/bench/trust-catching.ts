/**
 * How soon a cheat is met: some hundred answers, each served once by a ring with real receipts and computed again once (integer arithmetic in
 * the place of a model), then many secrets drawn over each receipt by `planChecks`. In batches, whose means are independent of each other.
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
  stepsBefore,
} from '@computepool/shared/audit'
import type { Activation } from '@computepool/shared/ports'
import { createSeededRandom, fakeManifest, openFakeEngine, type SeededRandom } from '@computepool/shared/testing'
import { garbage } from '../../shared/testing/cheats/index.ts'
import { withRun } from '../../shared/testing/cheats/wrap-engine.ts'
import { type BenchRow, benchRow } from './bench-report.ts'
import {
  caughtShare,
  type DrawnAnswer,
  firstCheatedSteps,
  meanInterval,
  reachRow,
  requestsUntilCaught,
  withinRequests,
} from './trust-interval.ts'
import { openTrustRing } from './trust-ring.ts'

const policy = defaultCheckPolicy
const tolerance = { relative: 1e-3, logit: 1e-3 }
const confidence = { atLeast: 0.99 }

const short: RequestShape = { promptTokens: 60, answerTokens: 150, chunk: 16 }
const middle: RequestShape = { promptTokens: 400, answerTokens: 250, chunk: 64 }
const long: RequestShape = { promptTokens: 1500, answerTokens: 300, chunk: 128 }
const quickShape: RequestShape = { promptTokens: 24, answerTokens: 40, chunk: 16 }

interface CatchCase {
  readonly shape: RequestShape
  readonly share: number
  readonly requests: number
  readonly batches: number
  /** A multiple of 1 / share holds as many answers that are wrong from the first step on as there should be. */
  readonly answers: number
  /** Secrets over each answer. */
  readonly secrets: number
  /** Without it the figure stands beside the formula alone. */
  readonly isReach: boolean
}

/** On all steps each answer is as good as another: few answers, many secrets, and any shape stands for all. On some, answers differ. */
const cases: readonly CatchCase[] = [
  { shape: short, share: 1, requests: 5, batches: 20, answers: 3, secrets: 2000, isReach: true },
  { shape: short, share: 0.1, requests: 50, batches: 12, answers: 10, secrets: 200, isReach: true },
  { shape: middle, share: 0.1, requests: 50, batches: 20, answers: 10, secrets: 200, isReach: true },
  { shape: long, share: 0.1, requests: 50, batches: 12, answers: 10, secrets: 200, isReach: true },
  { shape: short, share: 0.02, requests: 10, batches: 4, answers: 25, secrets: 200, isReach: false },
]

/** Errors: what a ring or a replay raised. */
export async function measureCatching({ isQuick }: { readonly isQuick: boolean }): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const full of isQuick ? cases.slice(0, 2) : cases) {
    const one = isQuick ? { ...full, shape: quickShape, batches: full.batches / 4 } : full
    const before = performance.now()
    const random = createSeededRandom(Math.round(1000 * one.share) + one.shape.promptTokens)
    const batches = await drawnBatches(one, random)
    rows.push(...rowsOf(one, batches, random))
    const seconds = ((performance.now() - before) / 1000).toFixed(0)
    console.error(`${one.share * 100} % of steps: ${batches.flat().length} answers in ${seconds} s`)
  }
  return rows
}

function rowsOf(
  { shape, share, requests, isReach }: CatchCase,
  batches: readonly (readonly DrawnAnswer[])[],
  { next }: SeededRandom,
): BenchRow[] {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const caught = batches.map(answers => mean(answers.map(caughtShare)))
  const { low, high } = meanInterval(caught)
  const interval = { low: withinRequests(low, requests), high: withinRequests(high, requests) }
  const within = withinRequests(mean(caught), requests)
  const runs = Array.from({ length: 20_000 }, () => requestsUntilCaught(batches.flat(), 1000, next))
  const words = `${shape.promptTokens} + ${shape.answerTokens} (${shape.chunk}), cheats on ${share * 100} % of steps`
  const name = `${words}: out within ${requests}`
  const cheating = { share, pattern: 'scattered' } as const
  return [
    isReach
      ? reachRow(name, 'share', within, { interval, reach: confidence })
      : { ...benchRow(name, 'share', [within]), ...interval },
    benchRow(`${words}: … by the formula`, 'share', [
      catchChanceWithin({ policy, cheating, shapes: [shape] }, requests),
    ]),
    benchRow(`${words}: requests until caught`, 'requests', runs),
  ]
}

/** Two seats, of which the entry cheats by a coin for each step; the first that falls so is spread over a batch as coins spread it. */
async function drawnBatches(
  { shape, share, batches, answers, secrets }: CatchCase,
  random: SeededRandom,
): Promise<DrawnAnswer[][]> {
  const { promptTokens, answerTokens, chunk } = shape
  const positions = positionsOf(shape)
  const manifest = fakeManifest({ dimensions: { layers: 2, vocab: 64, context: positions + 1 } })
  const { vocab } = manifest.dimensions
  const open = (seat: number) =>
    openFakeEngine({ manifest, layers: { start: seat, end: seat + 1 } }, { maxChunk: chunk })
  let frames: ReplayFrame[] = []
  let outputs: Activation[] = []
  let first = 0
  let steps = 0
  const isCheated = (step: number) => step === first || (step > first && random.next() < share)
  const cheat = garbage(open(0), { vocab, which: () => isCheated(steps++) })
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

  async function drawOne(requestId: string): Promise<DrawnAnswer> {
    frames = []
    outputs = []
    steps = 0
    const prompt = Array.from({ length: promptTokens }, () => random.int(vocab))
    const asked = await ring.ask({ requestId, promptTokens: prompt, maxTokens: answerTokens })
    asked.verify()
    const claimed = { outputs }
    const found = await recompute({ engine: auditor, frames, claimed, tolerance, requestId })
    if (found.positions !== positions || frames.length !== stepsBefore(shape, positions))
      throw new Error(`${found.positions} positions went through in ${frames.length} steps, not ${positions}.`)
    const plan = {
      attempt: requestId,
      receiptHeads: [digestOfReceipt(asked.receipts[0]!)],
      ...{ positions, keptPositions: 0, firstDraw: () => null, policies: [policy] },
    }
    const ends = Array.from(
      { length: secrets },
      () => planChecks({ ...plan, secret: random.bytes(32) })[0]?.endPosition ?? 0,
    )
    return { firstBad: found.firstOver, ends }
  }

  try {
    const drawn: DrawnAnswer[][] = []
    for (let batch = 0; batch < batches; batch++) {
      const answered: DrawnAnswer[] = []
      for (const [i, step] of firstCheatedSteps(share, answers, random.next).entries()) {
        first = step
        answered.push(await drawOne(`answer-${batch}-${i}`))
      }
      drawn.push(answered)
    }
    return drawn
  } finally {
    await ring.close()
  }
}
