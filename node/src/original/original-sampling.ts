/** What of a request's sampling the original protocol can say: a temperature, and nothing else. */
import { ComputePoolError } from '@computepool/shared/errors'
import { greedy, type SamplingParams } from '@computepool/shared/pipeline'

/** OpenAI's names, as the caller wrote them. */
const unsaid = {
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
  repetitionPenalty: 'repetition_penalty',
  logprobs: 'logprobs',
} as const satisfies Partial<Record<keyof SamplingParams, string>>

/**
 * The temperature to send. A seed is not refused, because every request has one: at a temperature above 0 the peer draws by its own.
 * Errors: `input_unsupported`, whose context names the parameter.
 */
export function originalTemperature(params: SamplingParams): number {
  for (const [name, param] of Object.entries(unsaid) as [keyof typeof unsaid, string][])
    if (params[name] !== greedy[name]) throw unsupported(param)
  if (params.logitBias.length > 0) throw unsupported('logit_bias')
  return params.temperature
}

function unsupported(param: string): ComputePoolError {
  return new ComputePoolError(
    'input_unsupported',
    `"${param}" cannot be used here: the last layers are held by a peer of the original protocol, which knows only "temperature".`,
    { remedy: `Leave "${param}" out, or ask a coalition without such a peer.`, context: { param } },
  )
}
