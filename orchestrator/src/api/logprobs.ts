/** Log-probabilities in the two shapes that OpenAI's endpoints have. A token's text may be part of a character: then bytes tell. */
import type { SampledToken } from '@computepool/shared/pipeline'
import type { TextCodec } from '../text/index.ts'

export interface ChatLogprob {
  readonly token: string
  readonly logprob: number
  readonly bytes: number[]
}

const decoder = new TextDecoder()
/** What OpenAI's clients expect in place of minus infinity, which JSON lacks. */
const least = -9999

const entry = (codec: TextCodec, token: number, logprob: number | null): ChatLogprob => {
  const bytes = codec.bytesOf(token)
  return { token: decoder.decode(bytes), logprob: Math.max(least, logprob ?? least), bytes: [...bytes] }
}

/** `logprobs.content` of a chat choice. */
export function chatLogprobs(codec: TextCodec, tokens: readonly SampledToken[]) {
  return tokens.map(({ token, logprob, topLogprobs }) => ({
    ...entry(codec, token, logprob),
    top_logprobs: topLogprobs.map(([other, value]) => entry(codec, other, value)),
  }))
}

/** `logprobs` of a text completion; `textOffset` is where the first token begins in the answer. */
export function textLogprobs(codec: TextCodec, tokens: readonly SampledToken[], textOffset: number) {
  const entries = tokens.map(({ token, logprob }) => entry(codec, token, logprob))
  let offset = textOffset
  return {
    tokens: entries.map(({ token }) => token),
    token_logprobs: entries.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ topLogprobs }) =>
      Object.fromEntries(
        topLogprobs.map(([other, value]) => {
          const { token, logprob } = entry(codec, other, value)
          return [token, logprob]
        }),
      ),
    ),
    text_offset: entries.map(({ token }) => {
      const start = offset
      offset += token.length
      return start
    }),
  }
}
