/**
 * What checks compute: engine milliseconds of replays over those of the seats that served, by one timer round `engine.run` on both sides.
 * Native engines of one thread, one after the other, so that none takes another's processor.
 */
import { openNativeEngine } from '@computepool/node/engine/open-native-engine.ts'
import { auditChunk } from '@computepool/peer/runtime/run-check.ts'
import {
  defaultCheckPolicy,
  extraCompute,
  measuredTolerances,
  positionsOf,
  type RequestShape,
  recompute,
  toleranceFor,
} from '@computepool/shared/audit'
import { rowTokens } from '@computepool/shared/engine'
import { greedy } from '@computepool/shared/pipeline'
import type { Engine } from '@computepool/shared/ports'
import { serveAnswer } from '../../node/src/audit/served-answer.ts'
import { withRun } from '../../shared/testing/cheats/wrap-engine.ts'
import { median } from '../harness/median.ts'
import { type BenchRow, benchRow } from './bench-report.ts'
import { endQuantiles } from './trust-interval.ts'
import { smolPack } from './trust-smol.ts'

/** Of docs/decisions/checks.md, but for the prompt of 4,000: one takes as long as all of these. */
const shapes: readonly RequestShape[] = [
  { promptTokens: 60, answerTokens: 150, chunk: 16 },
  { promptTokens: 400, answerTokens: 250, chunk: 64 },
  { promptTokens: 1500, answerTokens: 300, chunk: 128 },
]
const quickShape: RequestShape = { promptTokens: 60, answerTokens: 40, chunk: 16 }
const policy = defaultCheckPolicy
/** Of compute, at the default rate. */
const budget = 0.02

interface Timer {
  prompt: { ms: number; positions: number }
  decodeMs: number[]
}
const noTime = (): Timer => ({ prompt: { ms: 0, positions: 0 }, decodeMs: [] })
const total = ({ prompt, decodeMs }: Timer): number => prompt.ms + decodeMs.reduce((sum, ms) => sum + ms, 0)

/** Errors: what an engine raised, and a replay that calls this honest ring wrong. */
export async function measureCompute({ isQuick }: { readonly isQuick: boolean }): Promise<BenchRow[]> {
  const { manifest, parts } = smolPack(2048)
  const { layers, vocab, context } = manifest.dimensions
  let timer = noTime()
  const open = async (seat: number): Promise<Engine> => {
    const slice = { start: (layers / 3) * seat, end: (layers / 3) * (seat + 1) }
    const engine = await openNativeEngine(
      { manifest, parts, layers: slice, kvBudgetBytes: 2 ** 28, maxContext: context },
      { threads: 1 },
    )
    return withRun(engine, async rows => {
      const before = performance.now()
      const outputs = await engine.run(rows)
      const ms = performance.now() - before
      const positions = rows.reduce((sum, row) => sum + rowTokens(row), 0)
      if (positions === 1) timer.decodeMs.push(ms)
      else {
        timer.prompt.ms += ms
        timer.prompt.positions += positions
      }
      return outputs
    })
  }
  const engines = [await open(0), await open(1), await open(2)] as const
  const side = { kind: 'native', dtype: 'f32' } as const
  const tolerance = toleranceFor(measuredTolerances(), {
    ...{ sides: [side, side], quantisation: manifest.quantisation, layers: layers / 3 },
  })
  if (tolerance === null) throw new Error('No tolerance was measured for native engines.')

  async function measureOnce(shape: RequestShape, checks: number): Promise<{ extra: number; ratio: number }> {
    const { promptTokens, answerTokens, chunk } = shape
    const prompt = Array.from({ length: promptTokens }, (_, i) => (i * 71 + 13) % vocab)
    const chunks = Array.from({ length: Math.ceil(promptTokens / chunk) }, (_, i) =>
      Math.min(chunk, promptTokens - i * chunk),
    )
    timer = noTime()
    const answer = await serveAnswer({ engines, prompt, chunks, vocab, count: answerTokens, params: greedy })
    const served = timer
    timer = noTime()
    const ends = endQuantiles(policy, positionsOf(shape), checks)
    for (const [seat, engine] of engines.entries())
      for (const endPosition of ends) {
        const claimed =
          seat === 2 ? answer.draws : { kind: 'activations' as const, outputs: answer.outputs[seat as 0 | 1] }
        const { isHonest } = await recompute({
          ...{ engine, frames: answer.frames[seat]!, claimed, tolerance: tolerance!, endPosition, chunk: auditChunk },
        })
        if (!isHonest) throw new Error(`An honest seat ${seat} was called wrong up to ${endPosition}.`)
      }
    // All seats have as many positions: one's decode step is three runs, and the medians' ratio that of a seat in the mean.
    const decodeMs = served.decodeMs.reduce((sum, ms) => sum + ms, 0) / served.decodeMs.length
    return {
      extra: total(timer) / ends.length / total(served),
      ratio: decodeMs / (served.prompt.ms / served.prompt.positions),
    }
  }

  try {
    const rows: BenchRow[] = []
    await measureOnce({ promptTokens: 60, answerTokens: 8, chunk: 16 }, 2)
    for (const shape of isQuick ? [quickShape] : shapes) {
      const rounds = isQuick || shape !== shapes[0] ? 1 : 3
      const samples: { extra: number; ratio: number }[] = []
      for (let round = 0; round < rounds; round++) samples.push(await measureOnce(shape, isQuick ? 6 : 12))
      rows.push(...rowsOf(shape, samples))
      for (const { name, median: middle } of rows.slice(-4)) console.error(`${name}: ${middle}`)
    }
    return rows
  } finally {
    for (const engine of engines) await engine.close()
  }
}

function rowsOf(
  shape: RequestShape,
  samples: readonly { readonly extra: number; readonly ratio: number }[],
): BenchRow[] {
  const words = `${shape.promptTokens} + ${shape.answerTokens} (${shape.chunk})`
  const ratios = samples.map(({ ratio }) => ratio)
  const atRate = (rate: number) => samples.map(({ extra }) => rate * extra)
  return [
    benchRow(`${words}: a decoded position in prompt positions`, 'times', ratios),
    benchRow(`${words}: extra compute at the default rate`, 'share', atRate(policy.rate), { atMost: budget }),
    benchRow(`${words}: … by the formula, at that ratio`, 'share', [extraCompute(policy, [shape], median(ratios))]),
    benchRow(`${words}: extra compute for newcomers`, 'share', atRate(1)),
  ]
}
