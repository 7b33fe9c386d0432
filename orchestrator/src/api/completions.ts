/** `POST /v1/completions`: OpenAI's older shapes around an answer; the one way to a base model without a chat template. */
import { type CompletionBody, parseCompletion, samplingOf, stopStringsOf } from '@computepool/shared/openai'
import type { TextCodec } from '../text/index.ts'
import { type AnswerPart, streamAnswer } from './answer.ts'
import { admitAndSubmit, answerResponse, type Call, type ChunkWords } from './answer-response.ts'
import { textLogprobs } from './logprobs.ts'
import type { ModelService } from './model-service.ts'

/** OpenAI's default of this endpoint, where chat has none. */
const defaultMaxTokens = 16

/** Serves one completion body. Throws ComputePoolErrors. */
export async function serveCompletion(service: ModelService, json: unknown, call: Call): Promise<Response> {
  const body = parseCompletion(json)
  service.requireModel(body.model)
  const { codec, manifest } = service
  const prompt = promptOf(codec, body.prompt, service.desk.context())
  const sampling = samplingOf(body, {
    vocab: manifest.dimensions.vocab,
    randomSeed: service.randomSeed(),
    logprobs: body.logprobs ?? null,
  })
  const maxTokens = body.max_tokens ?? defaultMaxTokens
  const speculate = body.computepool?.speculate ?? true
  const isTrusted = body.computepool?.trusted ?? false
  const switches = { speculate, isTrusted, keepsCache: false }
  const prepared = service.prepare({ prompt, maxTokens, sampling, ...switches, param: 'prompt' })
  // Where chats begin with a text of the pool's own, how much of a guess is cached would tell whether it is right.
  const mayShareCaches = (service.systemPrompt ?? '') === ''
  const { live, admission, payment } = await admitAndSubmit(prepared, call, mayShareCaches ? body : null)
  const stopStrings = stopStringsOf(body)
  const answer = streamAnswer({ live, codec, promptTokens: prompt.length, stopStrings, isFresh: false, ...payment })
  const withUsage = body.stream_options?.include_usage === true
  const words = textWords(service, live.requestId, { withUsage, withLogprobs: sampling.logprobs !== null })
  const { signal, onEnd } = call
  return answerResponse({ live, answer, words, isStream: body.stream === true, admission, signal, onEnd })
}

function promptOf(codec: TextCodec, prompt: CompletionBody['prompt'], mostTokens: number): number[] {
  const one = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt[0]! : prompt
  return typeof one === 'string' ? codec.encode(one, mostTokens) : (one as number[])
}

function textWords(
  service: ModelService,
  requestId: string,
  { withUsage, withLogprobs }: { readonly withUsage: boolean; readonly withLogprobs: boolean },
): ChunkWords {
  const common = {
    id: `cmpl-${requestId}`,
    object: 'text_completion',
    created: Math.floor(service.clock.wallMs() / 1000),
    model: service.manifest.model,
    system_fingerprint: service.fingerprint,
  }
  let offset = 0
  const choice = (parts: readonly AnswerPart[], finishReason: string | null) => {
    const text = parts.map(part => part.text).join('')
    const tokens = parts.flatMap(part => part.tokens)
    const logprobs = withLogprobs && tokens.length > 0 ? textLogprobs(service.codec, tokens, offset) : null
    offset += text.length
    return [{ index: 0, text, logprobs, finish_reason: finishReason }]
  }
  const pending = withUsage ? { usage: null } : {}
  return {
    first: () => null,
    part: part => ({ ...common, choices: choice([part], null), ...pending }),
    last: ({ finishReason, computepool }) => ({
      ...common,
      choices: choice([], finishReason),
      ...pending,
      ...(withUsage ? {} : { computepool }),
    }),
    usage: ({ usage, computepool }) => (withUsage ? { ...common, choices: [], usage, computepool } : null),
    whole: (parts, { finishReason, usage, computepool }) => ({
      ...common,
      choices: choice(parts, finishReason),
      usage,
      computepool,
    }),
  }
}
