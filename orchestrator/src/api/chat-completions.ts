/** `POST /v1/chat/completions`: OpenAI's chat shapes around an answer. */
import { ComputePoolError } from '@computepool/shared/errors'
import { type ChatMessageBody, parseChatCompletion, samplingOf, stopStringsOf } from '@computepool/shared/openai'
import type { SampledToken } from '@computepool/shared/pipeline'
import type { ChatMessage } from '../text/index.ts'
import { streamAnswer } from './answer.ts'
import { admitAndSubmit, answerResponse, type Call, type ChunkWords } from './answer-response.ts'
import { chatLogprobs } from './logprobs.ts'
import type { ModelService } from './model-service.ts'

/** Serves one chat body. Throws ComputePoolErrors. */
export async function serveChat(service: ModelService, json: unknown, call: Call): Promise<Response> {
  const body = parseChatCompletion(json)
  service.requireModel(body.model)
  if (body.top_logprobs !== undefined && body.top_logprobs !== null && body.logprobs !== true) {
    throw new ComputePoolError('input_invalid', '"top_logprobs" came without "logprobs": true.', {
      remedy: 'Set "logprobs" to true, or leave both out.',
      context: { param: 'top_logprobs' },
    })
  }
  const { codec, manifest } = service
  const prompt = codec.encodeChat(withPrompt(service.systemPrompt ?? '', body.messages.map(messageOf)), {
    switches: body.chat_template_kwargs ?? {},
    mostTokens: service.desk.context(),
  })
  const sampling = samplingOf(body, {
    vocab: manifest.dimensions.vocab,
    randomSeed: service.randomSeed(),
    logprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : null,
  })
  const maxTokens = body.max_completion_tokens ?? body.max_tokens ?? null
  const speculate = body.computepool?.speculate ?? true
  const isTrusted = body.computepool?.trusted ?? false
  const switches = { speculate, isTrusted, keepsCache: true }
  const prepared = service.prepare({ prompt, maxTokens, sampling, ...switches, param: 'messages' })
  const { live, admission, payment } = await admitAndSubmit(prepared, call, body)
  const stopStrings = stopStringsOf(body)
  const answer = streamAnswer({ live, codec, promptTokens: prompt.length, stopStrings, isFresh: true, ...payment })
  const withUsage = body.stream_options?.include_usage === true
  const words = chatWords(service, live.requestId, { withUsage, withLogprobs: body.logprobs === true })
  const { signal, onEnd } = call
  return answerResponse({ live, answer, words, isStream: body.stream === true, admission, signal, onEnd })
}

/** The pool's own words first. In one message with the caller's: templates take one of the system's, at the beginning. */
function withPrompt(prompt: string, messages: readonly ChatMessage[]): readonly ChatMessage[] {
  if (prompt === '') return messages
  const [first, ...rest] = messages
  if (first?.role !== 'system') return [{ role: 'system', content: prompt }, ...messages]
  return [{ role: 'system', content: `${prompt}\n\n${first.content}` }, ...rest]
}

/** Roles that templates know; OpenAI renamed "system" to "developer". */
function messageOf(message: ChatMessageBody): ChatMessage {
  const { content } = message
  const text = Array.isArray(content) ? content.map(part => part.text ?? '').join('') : (content ?? '')
  return { role: message.role === 'developer' ? 'system' : message.role, content: text }
}

function chatWords(
  service: ModelService,
  requestId: string,
  { withUsage, withLogprobs }: { readonly withUsage: boolean; readonly withLogprobs: boolean },
): ChunkWords {
  const common = {
    id: `chatcmpl-${requestId}`,
    created: Math.floor(service.clock.wallMs() / 1000),
    model: service.manifest.model,
    system_fingerprint: service.fingerprint,
  }
  const logprobs = (tokens: readonly SampledToken[]) =>
    withLogprobs ? { content: chatLogprobs(service.codec, tokens), refusal: null } : null
  const chunk = (delta: object, finishReason: string | null, tokens: readonly SampledToken[] = []) => ({
    ...common,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: tokens.length > 0 ? logprobs(tokens) : null, finish_reason: finishReason }],
    ...(withUsage ? { usage: null } : {}),
  })
  return {
    first: () => chunk({ role: 'assistant', content: '' }, null),
    part: ({ text, tokens }) => chunk({ content: text }, null, tokens),
    last: ({ finishReason, computepool }) => ({ ...chunk({}, finishReason), ...(withUsage ? {} : { computepool }) }),
    usage: ({ usage, computepool }) =>
      withUsage ? { ...common, object: 'chat.completion.chunk', choices: [], usage, computepool } : null,
    whole: (parts, { finishReason, usage, computepool }) => ({
      ...common,
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: parts.map(part => part.text).join(''), refusal: null },
          logprobs: logprobs(parts.flatMap(part => part.tokens)),
          finish_reason: finishReason,
        },
      ],
      usage,
      computepool,
    }),
  }
}
