/** The pool's JSON of an answer, tolerant of what later pools may add, as an `Answer`. It knows no HTTP. */
import { z } from 'zod'
import type { Answer, AnswerEvidence } from './answer.ts'

const whole = z.number().int().nonnegative().catch(0)

const poolFactsSchema = z.object({
  route: z
    .array(z.object({ peer: z.string(), layers: z.tuple([z.number(), z.number()]) }))
    .catch([])
    .default([]),
  stoppedBy: z.enum(['cap', 'closed']).nullish().catch(null),
  payment: z
    .object({ costAtomic: z.string().regex(/^[0-9]{1,31}$/) })
    .nullish()
    .catch(null),
})

const usageSchema = z.object({
  prompt_tokens: whole.default(0),
  completion_tokens: whole.default(0),
  prompt_tokens_details: z.object({ cached_tokens: whole.default(0) }).nullish(),
})

export const chunkSchema = z.object({
  model: z.string().default(''),
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish() }).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
  usage: usageSchema.nullish(),
  computepool: poolFactsSchema.nullish(),
})
export type Chunk = z.infer<typeof chunkSchema>

export const completionSchema = z.object({
  model: z.string().default(''),
  choices: z
    .array(z.object({ message: z.object({ content: z.string().nullish() }), finish_reason: z.string().nullish() }))
    .min(1),
  usage: usageSchema.nullish(),
  computepool: poolFactsSchema.nullish(),
})

export interface AnswerParts {
  readonly requestId: string | null
  readonly text: string
  readonly finishReason: string | null
  readonly told: Pick<Chunk, 'model' | 'usage' | 'computepool'>
  readonly evidence: AnswerEvidence
}

export function answerOf({ requestId, text, finishReason, told, evidence }: AnswerParts): Answer {
  const { model, usage, computepool } = told
  const cost = computepool?.payment?.costAtomic
  return {
    requestId,
    model,
    text,
    finishReason,
    stoppedBy: computepool?.stoppedBy ?? null,
    usage: {
      promptTokens: usage?.prompt_tokens ?? 0,
      completionTokens: usage?.completion_tokens ?? 0,
      cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
    },
    costAtomic: cost === undefined ? null : BigInt(cost),
    route: computepool?.route ?? [],
    evidence,
  }
}
