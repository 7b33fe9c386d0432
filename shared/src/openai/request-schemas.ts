/**
 * The bodies of `POST /v1/chat/completions` and `POST /v1/completions`, as the OpenAI SDKs send them. Unknown fields are let
 * through; fields that would change the answer's meaning and that we cannot honour are refused by `refuse-unsupported`.
 */
import { z } from 'zod'

const text = z.string().max(4_000_000)
const tokenId = z.int().min(0).max(2_000_000)
/** Null means absent in every optional field: several clients send it so. */
const optional = <T extends z.ZodType>(schema: T) => schema.nullish()

const samplingFields = {
  temperature: optional(z.number().min(0).max(2)),
  top_p: optional(z.number().min(0).max(1)),
  top_k: optional(z.int().min(-1).max(1_000_000)),
  min_p: optional(z.number().min(0).max(1)),
  presence_penalty: optional(z.number().min(-2).max(2)),
  frequency_penalty: optional(z.number().min(-2).max(2)),
  repetition_penalty: optional(z.number().gt(0).max(10)),
  logit_bias: optional(z.record(z.string().max(20), z.number().min(-100).max(100))),
  seed: optional(z.int()),
  stop: optional(z.union([z.string().min(1).max(1000), z.array(z.string().min(1).max(1000)).max(4)])),
  stream: optional(z.boolean()),
  stream_options: optional(z.looseObject({ include_usage: optional(z.boolean()) })),
  user: optional(z.string().max(1000)),
  /** Narrows whose caches a prompt may begin with, as `user` does. */
  prompt_cache_key: optional(z.string().max(1000)),
  n: optional(z.int()),
  /**
   * Ours. `speculate`: false takes a lap a token, with no guesses ahead; the text is the same. `trusted`: true takes only a ring whose entry and
   * exit, which see text, are staked operators of good standing.
   */
  computepool: optional(z.looseObject({ speculate: optional(z.boolean()), trusted: optional(z.boolean()) })),
}

/** Content as text, or as parts; parts of another kind than text are refused by name. */
const contentPart = z.looseObject({ type: z.string().max(40), text: text.optional() })
export const chatMessageSchema = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: z.union([text, z.array(contentPart).max(1000)]).nullish(),
  name: z.string().max(200).nullish(),
})
export type ChatMessageBody = z.infer<typeof chatMessageSchema>

export const chatCompletionSchema = z.looseObject({
  model: z.string().min(1).max(200),
  messages: z.array(chatMessageSchema).min(1).max(10_000),
  max_tokens: optional(z.int().positive()),
  max_completion_tokens: optional(z.int().positive()),
  logprobs: optional(z.boolean()),
  top_logprobs: optional(z.int().min(0).max(20)),
  /** Switches of the model's own template, e.g. `enable_thinking` of Qwen3; vLLM's name for them. */
  chat_template_kwargs: optional(
    z.record(z.string().regex(/^[A-Za-z_]\w{0,63}$/), z.union([z.string().max(1000), z.number(), z.boolean()])),
  ),
  ...samplingFields,
})
export type ChatCompletionBody = z.infer<typeof chatCompletionSchema>

export const completionSchema = z.looseObject({
  model: z.string().min(1).max(200),
  prompt: z.union([
    text,
    z.array(tokenId).min(1).max(1_000_000),
    z.array(text).min(1).max(1),
    z.array(z.array(tokenId).min(1).max(1_000_000)).length(1),
  ]),
  max_tokens: optional(z.int().positive()),
  /** How many alternatives; the old endpoint's form of `top_logprobs`. */
  logprobs: optional(z.int().min(0).max(5)),
  ...samplingFields,
})
export type CompletionBody = z.infer<typeof completionSchema>
