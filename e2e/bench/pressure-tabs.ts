/** The pressure bench's last part, smaller: two real tabs of one browser, the demo model in WASM, two requests together against one. */
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { demoPackDir as packDir } from '../harness/golden-answers.ts'
import { openRing } from '../harness/open-ring.ts'
import { streamAnswer } from '../harness/stream-answer.ts'
import { type BenchRow, benchRow } from './bench-report.ts'
import type { PressureOptions } from './pressure.ts'

const seats = 2
const requestsAtOnce = 2
const endOfTurn = '2047'

export async function measureTabs({ isQuick }: PressureOptions): Promise<BenchRow[]> {
  const rounds = isQuick ? 2 : 8
  const tokens = isQuick ? 32 : 96
  const orchestrator = await startOrchestrator({ port: 0, packDir, minSeats: seats, maxSeats: seats })
  try {
    const { url, model } = orchestrator
    console.error(`Opening ${seats} tabs …`)
    const ring = await openRing({ url, peers: seats, engine: 'wasm' })
    try {
      const ask = async (): Promise<void> => {
        // Without an end of its turn each answer is as long as it may be.
        const body = { model, prompt: 'What is a hop?', max_tokens: tokens, logit_bias: { [endOfTurn]: -100 } }
        const { errorCode, completionTokens } = await streamAnswer({ url, path: '/v1/completions', body })
        if (errorCode !== null || completionTokens !== tokens)
          throw new Error(`An answer of the tabs ended with ${errorCode ?? `${completionTokens} tokens`}`)
      }
      const speedOf = async (count: number): Promise<number> => {
        const startedMs = performance.now()
        await Promise.all(Array.from({ length: count }, ask))
        return (count * tokens * 1000) / (performance.now() - startedMs)
      }
      await ask()
      const alone: number[] = []
      const together: number[] = []
      for (let round = 1; round <= rounds; round++) {
        alone.push(await speedOf(1))
        together.push(await speedOf(requestsAtOnce))
        console.error(
          `round ${round}: ${alone.at(-1)!.toFixed(1)} tokens/s alone, ${together.at(-1)!.toFixed(1)} together`,
        )
      }
      const words = `${seats} tabs (demo model, WASM)`
      return [
        benchRow(`one request, ${words}`, 'tokens/s', alone),
        benchRow(`${requestsAtOnce} requests together, ${words}`, 'tokens/s', together),
        benchRow(
          `${requestsAtOnce} requests against one, ${words}`,
          'ratio',
          together.map((speed, round) => speed / alone[round]!),
        ),
      ]
    } finally {
      await ring.close()
    }
  } finally {
    await orchestrator.close()
  }
}
