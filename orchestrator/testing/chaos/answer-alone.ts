/** What one engine that holds the whole model says, with no pipeline, no ring and no guesses: the oracle of the chaos. */
import type { Manifest } from '@computepool/shared/model'
import { openFakeEngine } from '@computepool/shared/testing'
import type { ChaosAsk } from './chaos-plan.ts'

export interface AnswerAlone {
  readonly tokens: readonly number[]
  readonly reason: 'stop' | 'length'
}

export async function answerAlone(
  manifest: Manifest,
  {
    promptTokens,
    maxTokens,
    stopTokens,
    sampling,
  }: Pick<ChaosAsk, 'promptTokens' | 'maxTokens' | 'stopTokens' | 'sampling'>,
): Promise<AnswerAlone> {
  const engine = openFakeEngine({ manifest, layers: { start: 0, end: manifest.dimensions.layers } })
  const tokens: number[] = []
  const sample = () => ({
    params: sampling,
    generated: [...tokens],
    prompt: sampling.repetitionPenalty === 1 ? [] : promptTokens,
  })
  const requestId = 'alone'
  for (let position = 0; position < promptTokens.length - 1; position += 1) {
    await engine.run([{ requestId, position, input: { tokens: [promptTokens[position]!] }, sample: null }])
  }
  for (let position = promptTokens.length - 1; ; position += 1) {
    const input = { tokens: [tokens.at(-1) ?? promptTokens.at(-1)!] }
    const [output] = await engine.run([{ requestId, position, input, sample: sample() }])
    if (output?.kind !== 'token') throw new Error(`The engine drew a ${output?.kind}`)
    const { token } = output.sampled
    tokens.push(token)
    if (stopTokens.includes(token)) return { tokens, reason: 'stop' }
    if (tokens.length === maxTokens) return { tokens, reason: 'length' }
  }
}
