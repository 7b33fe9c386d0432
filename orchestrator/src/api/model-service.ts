/** The one model that the pool serves, and how a parsed body becomes a running request. It knows no HTTP and no wire shapes. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Manifest } from '@computepool/shared/model'
import type { SamplingParams } from '@computepool/shared/pipeline'
import type { Clock, Entropy } from '@computepool/shared/ports'
import type { Desk, LiveRequest, RequestObserver, RequestOrder } from '../dispatch/index.ts'
import type { TextCodec } from '../text/index.ts'
import type { PromptSize } from './answer-response.ts'

export interface ModelServiceOptions {
  readonly manifest: Manifest
  readonly manifestSha256: string
  readonly codec: TextCodec
  readonly desk: Desk
  readonly clock: Clock
  readonly entropy: Entropy
  /** The pool's own, before each conversation; empty: none. No error, log or route shows it. */
  readonly systemPrompt?: string
}

export interface ModelService extends ModelServiceOptions {
  readonly fingerprint: string
  /** Seconds since 1970 at which this service began. */
  readonly createdAtSeconds: number
  /** Errors: `input_model_unknown`. */
  requireModel(id: string): void
  randomSeed(): number
  /**
   * Looks at a prompt before anything is paid for it. Where `maxTokens` is null, the answer may fill the context. Errors:
   * `input_invalid`, `input_context_too_long`, `swarm_trust_missing`.
   */
  prepare(order: PromptOrder): PreparedPrompt
}

export interface PromptOrder {
  readonly prompt: readonly number[]
  readonly maxTokens: number | null
  readonly sampling: SamplingParams
  /** False where tokens are not to be guessed ahead. */
  readonly speculate: boolean
  /** True where entry and exit, which see text, must be staked operators of good standing. */
  readonly isTrusted: boolean
  /** The field that the prompt came in, for errors. */
  readonly param: 'messages' | 'prompt'
  /** True where a next turn is likely to begin with this one. */
  readonly keepsCache: boolean
}

/** Whose turn a request takes, and whose caches it may begin with. */
export type Asker = Required<Pick<RequestOrder, 'client'>> & Pick<RequestOrder, 'cacheScope'>

/** A prompt that was found good, and can be sent. */
export interface PreparedPrompt {
  readonly size: PromptSize
  /** Errors: what the desk refuses. */
  submit(asker: Asker, observer?: RequestObserver): LiveRequest
}

export function createModelService(options: ModelServiceOptions): ModelService {
  const { manifest, manifestSha256, codec, desk, clock, entropy } = options
  return {
    ...options,
    fingerprint: `fp_${manifestSha256.slice(0, 12)}`,
    createdAtSeconds: Math.floor(clock.wallMs() / 1000),
    requireModel: id => {
      if (id === manifest.model) return
      throw new ComputePoolError('input_model_unknown', `The model "${id}" is not served here.`, {
        remedy: `Use "${manifest.model}".`,
        context: { param: 'model' },
      })
    },
    randomSeed: () => new DataView(entropy.bytes(4).slice().buffer).getUint32(0),
    prepare: ({ prompt, maxTokens, sampling, speculate, isTrusted, param, keepsCache }) => {
      const { vocab } = manifest.dimensions
      const stranger = prompt.find(token => token >= vocab)
      if (prompt.length === 0 || stranger !== undefined) {
        const what =
          stranger === undefined
            ? 'The prompt is empty.'
            : `The prompt has token ${stranger}; the vocabulary has ${vocab}.`
        throw new ComputePoolError('input_invalid', what, {
          remedy: 'Send at least one token of this model.',
          context: { param },
        })
      }
      const context = desk.context()
      const left = context - prompt.length
      if (left < (maxTokens ?? 1)) throw tooLong(context, prompt.length, maxTokens, param)
      if (isTrusted) desk.requireRing(true)
      const stopTokens = [...codec.stopTokens]
      const switches = { ...(speculate ? {} : { speculate }), ...(isTrusted ? { isTrusted } : {}) }
      const length = { promptTokens: [...prompt], maxTokens: maxTokens ?? left }
      const job = { ...length, stopTokens, sampling, keepsCache, ...switches }
      const size = { promptTokens: prompt.length, maxTokens: length.maxTokens }
      return { size, submit: (asker, observer) => desk.submit({ ...job, ...asker }, observer) }
    },
  }
}

function tooLong(context: number, prompt: number, maxTokens: number | null, param: string): ComputePoolError {
  const asked = maxTokens === null ? '' : ` and asks for up to ${maxTokens} more`
  return new ComputePoolError(
    'input_context_too_long',
    `The context has room for ${context} tokens; the prompt has ${prompt}${asked}.`,
    {
      remedy: `Shorten the ${param}, or ask for fewer tokens.`,
      context: { param, contextTokens: context, promptTokens: prompt, maxTokens },
    },
  )
}
