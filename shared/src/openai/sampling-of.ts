/** OpenAI's sampling fields as the sampler's parameters. Defaults are OpenAI's; `top_p: 0` means greedy, as their servers take it. */
import { ComputePoolError } from '../errors/index.ts'
import type { SamplingParams } from '../pipeline/index.ts'
import type { ChatCompletionBody } from './request-schemas.ts'

// Picked by name: Omit forgets the fields of a type that lets unknown ones through.
type SamplingBody = Pick<
  ChatCompletionBody,
  | 'temperature'
  | 'top_p'
  | 'top_k'
  | 'min_p'
  | 'presence_penalty'
  | 'frequency_penalty'
  | 'repetition_penalty'
  | 'logit_bias'
  | 'seed'
  | 'stop'
>

export interface SamplingContext {
  readonly vocab: number
  /** Used where the body has no seed. */
  readonly randomSeed: number
  /** Alternatives asked for, or null. */
  readonly logprobs: number | null
}

/** Sampling parameters of a body. Errors: `input_invalid` for a biased token that the vocabulary does not have. */
export function samplingOf(body: SamplingBody, context: SamplingContext): SamplingParams {
  const logitBias = Object.entries(body.logit_bias ?? {}).map(([key, bias]): [number, number] => [Number(key), bias])
  const stranger = logitBias.find(([token]) => token >= context.vocab)
  if (stranger !== undefined) {
    const message = `"logit_bias" names token ${stranger[0]}; the vocabulary has ${context.vocab}.`
    throw new ComputePoolError('input_invalid', message, {
      remedy: 'Use token ids of this model.',
      context: { param: 'logit_bias' },
    })
  }
  if (logitBias.length > 1024) {
    throw new ComputePoolError('input_invalid', `"logit_bias" has ${logitBias.length} entries; 1024 is the most.`, {
      remedy: 'Bias fewer tokens.',
      context: { param: 'logit_bias' },
    })
  }
  const topP = body.top_p ?? 1
  return {
    temperature: topP === 0 ? 0 : (body.temperature ?? 1),
    topP: topP === 0 ? 1 : topP,
    topK: Math.max(0, body.top_k ?? 0),
    minP: body.min_p ?? 0,
    presencePenalty: body.presence_penalty ?? 0,
    frequencyPenalty: body.frequency_penalty ?? 0,
    repetitionPenalty: body.repetition_penalty ?? 1,
    logitBias,
    // Any integer is a seed in OpenAI's terms; ours is its low 32 bits.
    seed: body.seed === undefined || body.seed === null ? context.randomSeed : body.seed >>> 0,
    logprobs: context.logprobs,
  }
}

/** Stop strings of a body, none where it has none. */
export function stopStringsOf(body: SamplingBody): string[] {
  const { stop } = body
  if (stop === undefined || stop === null) return []
  return typeof stop === 'string' ? [stop] : stop
}
