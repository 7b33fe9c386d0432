/**
 * What checks compute: processor time of replays over that of the seats that served, by one timer round each step on both sides. Native
 * engines of one thread, one after the other. Each seat's ends are drawn by `planChecks`; an exit draws some of its tokens again.
 */
import { openNativeEngine } from '@computepool/node/engine/open-native-engine.ts'
import { auditChunk } from '@computepool/peer/runtime/run-check.ts'
import {
  defaultCheckPolicy,
  extraCompute,
  measuredTolerances,
  mostDrawsJudged,
  planChecks,
  positionsOf,
  type RequestShape,
  recompute,
  toleranceFor,
} from '@computepool/shared/audit'
import { rowTokens } from '@computepool/shared/engine'
import { greedy } from '@computepool/shared/pipeline'
import type { Engine } from '@computepool/shared/ports'
import { createSeededRandom } from '@computepool/shared/testing'
import { claimOf, serveAnswer } from '../../node/src/audit/served-answer.ts'
import { withRun } from '../../shared/testing/cheats/wrap-engine.ts'
import { median } from '../harness/median.ts'
import { type BenchRow, benchRow } from './bench-report.ts'
import { meanInterval, middlesOf, reachRow } from './trust-interval.ts'
import { smolPack } from './trust-smol.ts'

interface Measured {
  readonly shape: RequestShape
  /** Student's interval narrows faster with more rounds than with longer ones. */
  readonly rounds: number
  /** Replays of each seat a round, whose ends stand for all: of the eighth that ends anywhere one in the middle, or two, at a quarter and at three quarters. */
  readonly checks: 8 | 16
}

/** Of docs/decisions/checks.md, but for the prompt of 4,000: one takes as long as all of these. */
const measured: readonly Measured[] = [
  { shape: { promptTokens: 60, answerTokens: 150, chunk: 16 }, rounds: 8, checks: 16 },
  { shape: { promptTokens: 400, answerTokens: 250, chunk: 64 }, rounds: 4, checks: 16 },
  { shape: { promptTokens: 1500, answerTokens: 300, chunk: 128 }, rounds: 5, checks: 8 },
]
const quick: readonly Measured[] = [{ shape: { promptTokens: 60, answerTokens: 40, chunk: 16 }, rounds: 3, checks: 16 }]
const policy = defaultCheckPolicy
/** Of compute, at the default rate. */
const budget = { atMost: 0.02 }
const exit = 2

interface Spent {
  promptMs: number
  promptPositions: number
  decodeMs: number
  decoded: number
}
const nothing = (): Spent => ({ promptMs: 0, promptPositions: 0, decodeMs: 0, decoded: 0 })
const total = ({ promptMs, decodeMs }: Spent): number => promptMs + decodeMs

/** By seat: what it spent on serving, and on one check of it in the mean. */
interface Round {
  readonly served: readonly number[]
  readonly check: readonly number[]
  /** What a decoded position takes in positions of a prompt. */
  readonly ratio: number
}

/** Errors: what an engine raised, and a replay that calls this honest ring wrong. */
export async function measureCompute({ isQuick }: { readonly isQuick: boolean }): Promise<BenchRow[]> {
  const { manifest, parts } = smolPack(2048)
  const { layers, vocab, context } = manifest.dimensions
  let spent = [nothing(), nothing(), nothing()]
  const open = async (seat: number): Promise<Engine> => {
    const slice = { start: (layers / 3) * seat, end: (layers / 3) * (seat + 1) }
    const engine = await openNativeEngine(
      { manifest, parts, layers: slice, kvBudgetBytes: 2 ** 28, maxContext: context },
      { threads: 1 },
    )
    async function timed<T>(positions: number, work: () => Promise<T>): Promise<T> {
      const before = process.cpuUsage()
      const given = await work()
      const { user, system } = process.cpuUsage(before)
      const own = spent[seat]!
      if (positions === 1) {
        own.decodeMs += (user + system) / 1000
        own.decoded += 1
      } else {
        own.promptMs += (user + system) / 1000
        own.promptPositions += positions
      }
      return given
    }
    const watched = withRun(engine, rows =>
      timed(
        rows.reduce((sum, row) => sum + rowTokens(row), 0),
        () => engine.run(rows),
      ),
    )
    return {
      ...watched,
      drawFrom: asked => timed(asked.rows.tokens, () => engine.drawFrom(asked)),
      logitsOf: asked => timed(1, () => engine.logitsOf(asked)),
    }
  }
  const engines = [await open(0), await open(1), await open(2)] as const
  const side = { kind: 'native', dtype: 'f32' } as const
  const tolerance = toleranceFor(measuredTolerances(), {
    ...{ sides: [side, side], quantisation: manifest.quantisation, layers: layers / 3 },
  })
  if (tolerance === null) throw new Error('No tolerance was measured for native engines.')

  async function measureOnce(shape: RequestShape, count: number): Promise<Round> {
    const { promptTokens, answerTokens, chunk } = shape
    const prompt = Array.from({ length: promptTokens }, (_, i) => (i * 71 + 13) % vocab)
    const chunks = Array.from({ length: Math.ceil(promptTokens / chunk) }, (_, i) =>
      Math.min(chunk, promptTokens - i * chunk),
    )
    spent = [nothing(), nothing(), nothing()]
    const answer = await serveAnswer({ engines, prompt, chunks, vocab, count: answerTokens, params: greedy })
    const served = spent
    const check: number[] = []
    for (const [seat, engine] of engines.entries()) {
      spent = [nothing(), nothing(), nothing()]
      const claimed = claimOf(answer, seat, mostDrawsJudged)
      for (const endPosition of endsOf(shape, seat, count)) {
        const { isHonest } = await recompute({
          ...{ engine, frames: answer.frames[seat]!, claimed, tolerance: tolerance!, endPosition, chunk: auditChunk },
        })
        if (!isHonest) throw new Error(`An honest seat ${seat} was called wrong up to ${endPosition}.`)
      }
      check.push(total(spent[seat]!) / count)
    }
    const sum = (of: (one: Spent) => number) => served.reduce((all, one) => all + of(one), 0)
    const ratio =
      sum(one => one.decodeMs) / sum(one => one.decoded) / (sum(one => one.promptMs) / sum(one => one.promptPositions))
    return { served: served.map(total), check, ratio }
  }

  try {
    const rows: BenchRow[] = []
    await measureOnce({ promptTokens: 60, answerTokens: 8, chunk: 16 }, 2)
    for (const { shape, rounds, checks } of isQuick ? quick : measured) {
      const samples: Round[] = []
      for (let round = 0; round < rounds; round++) samples.push(await measureOnce(shape, checks))
      const found = rowsOf(shape, samples)
      rows.push(...found)
      for (const { name, median: middle } of found) console.error(`${name}: ${middle}`)
    }
    return rows
  } finally {
    for (const engine of engines) await engine.close()
  }
}

/** Where checks of a seat end, as plans of the default policy draw them. */
function endsOf(shape: RequestShape, seat: number, count: number): number[] {
  const random = createSeededRandom(seat)
  const plan = {
    attempt: 'bench',
    receiptHeads: [null, null, null].map((head, at) => (at === seat ? random.bytes(32) : head)),
    positions: positionsOf(shape),
    keptPositions: 0,
    firstDraw: (at: number) => (at === exit ? shape.promptTokens : null),
    policies: [policy, policy, policy].map(each => ({ ...each, rate: 1 })),
  }
  const ends = Array.from({ length: 4000 }, () => planChecks({ ...plan, secret: random.bytes(32) })[0]!.endPosition)
  return middlesOf(ends, count)
}

function rowsOf(shape: RequestShape, samples: readonly Round[]): BenchRow[] {
  const words = `${shape.promptTokens} + ${shape.answerTokens} (${shape.chunk})`
  const ratios = samples.map(({ ratio }) => ratio)
  /** At the default rate, of what these seats spent on serving. */
  const extra = (seats: readonly number[]) =>
    samples.map(({ served, check }) => {
      const sum = (of: readonly number[]) => seats.reduce((all, seat) => all + of[seat]!, 0)
      return (policy.rate * sum(check)) / sum(served)
    })
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const part = (name: string, shares: readonly number[]): BenchRow => ({
    ...benchRow(`${words}: ${name}`, 'share', [mean(shares)]),
    ...meanInterval(shares),
  })
  const all = extra([0, 1, exit])
  return [
    benchRow(`${words}: a decoded position in prompt positions`, 'times', ratios),
    reachRow(`${words}: extra compute at the default rate, all seats`, 'share', mean(all), {
      interval: meanInterval(all),
      reach: budget,
    }),
    part('… of seats that are no exit, of what they serve', extra([0, 1])),
    part('… of the exit, of what it serves', extra([exit])),
    benchRow(`${words}: … by the formula, at that ratio, of no exit`, 'share', [
      extraCompute(policy, [shape], median(ratios)),
    ]),
    part(
      '… of newcomers, all seats',
      all.map(share => share / policy.rate),
    ),
  ]
}
