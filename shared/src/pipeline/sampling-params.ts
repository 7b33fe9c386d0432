/** What a request asks of the sampler, and what the sampler answers; the words and ranges are OpenAI's, plus min_p and top_k. */
import { z } from 'zod'

export const samplingParamsSchema = z.strictObject({
  /** 0 is greedy. */
  temperature: z.number().min(0).max(2),
  /** Keep the smallest set of tokens whose probability reaches this; 1 keeps all. */
  topP: z.number().gt(0).max(1),
  /** Keep the k likeliest; 0 keeps all. */
  topK: z.int().min(0).max(1_000_000),
  /** Drop tokens less likely than this share of the likeliest; 0 drops none. */
  minP: z.number().min(0).max(1),
  presencePenalty: z.number().min(-2).max(2),
  frequencyPenalty: z.number().min(-2).max(2),
  /** 1 is none; applies to prompt and answer (Keskar et al. 2019, CTRL). */
  repetitionPenalty: z.number().gt(0).max(10),
  /** [token, added logit] pairs. */
  logitBias: z.array(z.tuple([z.int().nonnegative(), z.number().min(-100).max(100)])).max(1024),
  /** The draw at position p depends on (seed, p) alone, so that a replay samples the same token. */
  seed: z.int().min(0).max(0xffff_ffff),
  /** How many alternatives to report with log-probabilities; null reports none. */
  logprobs: z.int().min(0).max(20).nullable(),
})
/** Sampling parameters of one request. */
export type SamplingParams = z.infer<typeof samplingParamsSchema>

export const greedy: SamplingParams = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  presencePenalty: 0,
  frequencyPenalty: 0,
  repetitionPenalty: 1,
  logitBias: [],
  seed: 0,
  logprobs: null,
}

export const sampledTokenSchema = z.strictObject({
  token: z.int().nonnegative(),
  /** Natural logarithm of the model's probability before temperature and filters; null where none was asked. */
  logprob: z.number().max(1e-3).nullable(),
  topLogprobs: z.array(z.tuple([z.int().nonnegative(), z.number()])).max(20),
})
/** One token drawn by the exit. */
export type SampledToken = z.infer<typeof sampledTokenSchema>

/** Positions of a cache that an earlier request left, for another to begin with. */
export const cacheReuseSchema = z.strictObject({
  requestId: z.string().min(1).max(64),
  positions: z.int().positive().max(1_048_576),
})
export type CacheReuse = z.infer<typeof cacheReuseSchema>

/** Of one attempt, told with it: 32 bytes, hex, the desk's commitment to how it will be checked. What a receipt says of activations depends on it. */
export const receiptNonceSchema = z.string().regex(/^[0-9a-f]{64}$/)

export const requestJobSchema = z.strictObject({
  requestId: z.string().min(1).max(64),
  promptTokens: z.array(z.int().nonnegative()).min(1).max(1_000_000),
  /** Tokens of the answer that were drawn before, on another ring or in another attempt: they stand behind the prompt. */
  generatedTokens: z.array(z.int().nonnegative()).max(1_000_000).optional(),
  /** The same tokens at the same positions lie in that cache. Where a seat has it no more the request fails with `engine_prefix_missing`. */
  reuse: cacheReuseSchema.optional(),
  /** Keep the caches when it is over, while there is room. */
  keepCache: z.boolean().optional(),
  /** Tokens to generate at most, those drawn before not counted. */
  maxTokens: z.int().positive(),
  /** The answer ends when one of these is drawn; it is reported, the text leaves it out. */
  stopTokens: z.array(z.int().nonnegative()).max(64),
  sampling: samplingParamsSchema,
  /** False switches guessing off; it changes how soon tokens come, never which. */
  speculate: z.boolean().optional(),
  /** For the receipts of this attempt. */
  nonce: receiptNonceSchema.optional(),
})
/** What the orchestrator asks of an entry tab. */
export type RequestJob = z.infer<typeof requestJobSchema>
