/**
 * Penalties and logit_bias as one sparse list: for each token concerned, a factor and a summand. The head graph applies it on the
 * device, `adjustLogits` on the host; both in the order repetition penalty, then frequency and presence, then bias (as vLLM does).
 */
import type { SampleRequest } from '../ports/engine.ts'

/** For token `tokens[i]`: x > 0 ? x / repetition[i] : x * repetition[i], then + summand[i]. Tokens are distinct. */
export interface LogitAdjustments {
  readonly tokens: Int32Array
  readonly repetition: Float32Array
  readonly summand: Float32Array
}

/** Below this a logit that is divided by it would leave f32. */
const leastRepetition = 1e-6

/** The adjustments that `request` asks for over a vocabulary of `vocab` tokens, or null where the logits stay as they are. */
export function logitAdjustments(request: SampleRequest, vocab: number): LogitAdjustments | null {
  const { presencePenalty, frequencyPenalty, logitBias } = request.params
  const repetitionPenalty = Math.max(request.params.repetitionPenalty, leastRepetition)
  const rows = new Map<number, { repetition: number; summand: number }>()
  const row = (token: number) => {
    let found = rows.get(token)
    if (found === undefined) {
      found = { repetition: 1, summand: 0 }
      rows.set(token, found)
    }
    return found
  }
  if (repetitionPenalty !== 1) {
    for (const token of request.prompt) row(token).repetition = repetitionPenalty
    for (const token of request.generated) row(token).repetition = repetitionPenalty
  }
  if (presencePenalty !== 0 || frequencyPenalty !== 0) {
    const counts = new Map<number, number>()
    for (const token of request.generated) counts.set(token, (counts.get(token) ?? 0) + 1)
    for (const [token, count] of counts) row(token).summand -= frequencyPenalty * count + presencePenalty
  }
  for (const [token, bias] of logitBias) row(token).summand += bias
  const kept = [...rows].filter(
    ([token, { repetition, summand }]) => token < vocab && (repetition !== 1 || summand !== 0),
  )
  if (kept.length === 0) return null
  return {
    tokens: Int32Array.from(kept, ([token]) => token),
    repetition: Float32Array.from(kept, ([, { repetition }]) => repetition),
    summand: Float32Array.from(kept, ([, { summand }]) => summand),
  }
}

/** `logits` with the adjustments applied, as a copy; in f32, as the head graph does it. */
export function adjustLogits(logits: Float32Array, adjustments: LogitAdjustments | null): Float32Array {
  const adjusted = logits.slice()
  if (adjustments === null) return adjusted
  const { tokens, repetition, summand } = adjustments
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!
    const x = logits[token]!
    const factor = x > 0 ? Math.fround(1 / repetition[i]!) : repetition[i]!
    const penalised = Math.fround(x * factor)
    adjusted[token] = penalised + summand[i]!
  }
  return adjusted
}
