/**
 * The pressure bench's first part: what eight requests get out of S stages together, against what one gets. Rings of which this machine has
 * too few cores are simulated, with the times that the smaller ring showed, and their rows say so.
 */
import os from 'node:os'
import path from 'node:path'
import { median } from '../harness/median.ts'
import { askPool, type Measured } from './ask-pool.ts'
import { type BenchRow, benchRow } from './bench-report.ts'
import type { PressureSetting } from './pressure.ts'
import { simulateGain } from './simulate-ring.ts'
import { withNodeRing } from './with-node-ring.ts'

const requestsAtOnce = 8
const reachPerStage = 0.8

export async function measureThroughput({ packDir, folder, isQuick }: PressureSetting): Promise<BenchRow[]> {
  const rounds = isQuick ? 2 : 8
  const tokens = isQuick ? 16 : 48
  const rows: BenchRow[] = []
  let calibration: Calibration | null = null
  for (const stages of [1, 2, 3]) {
    const reach = { atLeast: Number((reachPerStage * stages).toFixed(2)) }
    if (calibration !== null && stages > os.availableParallelism()) {
      // The ring that was measured is simulated too: how far the two are apart says what the simulation leaves out. So no reach is judged by it.
      rows.push(await simulatedRow(calibration, calibration.stages), await simulatedRow(calibration, stages))
      continue
    }
    const dataDir = path.join(folder, `throughput-${stages}`)
    const { alone, together, measured } = await measureRing({ packDir, dataDir, stages, rounds, tokens })
    calibration = { stages, measured }
    rows.push(
      benchRow(`one request, ${inWords(stages)}`, 'tokens/s', alone),
      benchRow(`${requestsAtOnce} requests together, ${inWords(stages)}`, 'tokens/s', together),
      benchRow(
        gainOf(stages),
        'ratio',
        together.map((speed, round) => speed / alone[round]!),
        reach,
      ),
    )
  }
  return rows
}

const inWords = (stages: number): string => `${stages} stage${stages === 1 ? '' : 's'}`
const gainOf = (stages: number): string => `${requestsAtOnce} requests against one, ${inWords(stages)}`

/** The largest ring that was measured, and what its lone requests took. */
interface Calibration {
  readonly stages: number
  readonly measured: Measured
}

async function simulatedRow({ stages: seats, measured }: Calibration, stages: number): Promise<BenchRow> {
  const stepMs = measured.computeMs / stages
  const gain = await simulateGain({ stages, requests: requestsAtOnce, stepMs, hopMs: measured.wireMs / seats })
  return benchRow(`${gainOf(stages)} (simulated: steps of ${stepMs.toFixed(1)} ms)`, 'ratio', [gain])
}

interface RingOrder {
  readonly packDir: string
  readonly dataDir: string
  readonly stages: number
  readonly rounds: number
  readonly tokens: number
}

interface RingSpeeds {
  /** Tokens/s, one value a round. */
  readonly alone: readonly number[]
  readonly together: readonly number[]
  /** Of the lone requests, medians. */
  readonly measured: Measured
}

async function measureRing({ packDir, dataDir, stages, rounds, tokens }: RingOrder): Promise<RingSpeeds> {
  console.error(`Starting ${stages} node${stages === 1 ? '' : 's'} …`)
  return withNodeRing({ packDir, dataDir, stages }, async ({ url, model }) => {
    const ask = (): Promise<Measured> => askPool(url, model, tokens)
    /** Whole answers over the whole time: prompts count for both alike. */
    const speedOf = async (count: number): Promise<{ speed: number; answers: Measured[] }> => {
      const startedMs = performance.now()
      const answers = await Promise.all(Array.from({ length: count }, ask))
      return { speed: (count * tokens * 1000) / (performance.now() - startedMs), answers }
    }
    await ask()
    const alone: number[] = []
    const together: number[] = []
    const answers: Measured[] = []
    for (let round = 1; round <= rounds; round++) {
      const one = await speedOf(1)
      const many = await speedOf(requestsAtOnce)
      alone.push(one.speed)
      together.push(many.speed)
      answers.push(...one.answers)
      console.error(`round ${round}: ${one.speed.toFixed(1)} tokens/s alone, ${many.speed.toFixed(1)} together`)
    }
    const middle = (of: (answer: Measured) => number): number => median(answers.map(of))
    const measured = {
      tokensPerSecond: middle(answer => answer.tokensPerSecond),
      lapMs: middle(answer => answer.lapMs),
      wireMs: middle(answer => answer.wireMs),
      computeMs: middle(answer => answer.computeMs),
    }
    return { alone, together, measured }
  })
}
