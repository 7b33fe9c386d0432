/** What a challenge asks: random tokens of random number, made from a seed that nobody can foresee. Pure but for the seed; it knows no ring. */
import { createHash } from 'node:crypto'
import { greedy } from '@computepool/shared/pipeline'
import type { Entropy } from '@computepool/shared/ports'
import type { RequestOrder } from '../dispatch/live-request.ts'

export interface ChallengeText {
  readonly vocab: number
  /** As in any answer of the model. */
  readonly stopTokens: readonly number[]
}

/** Lengths in tokens: drawn, so that no length says what it is. */
const leastPrompt = 16
const mostPrompt = 47
const leastAnswer = 4
const mostAnswer = 11

export const longestChallenge = mostPrompt + mostAnswer

export function drawChallenge(entropy: Entropy, { vocab, stopTokens }: ChallengeText): RequestOrder {
  const seed = entropy.bytes(32)
  let index = 0
  // Of 48 bits the remainder leans by less than one in a thousand million.
  const below = (count: number): number => {
    const digest = createHash('sha256')
      .update('computepool challenge 1\0')
      .update(seed)
      .update(String(index++))
      .digest()
    return digest.readUIntBE(0, 6) % count
  }
  const promptTokens = Array.from({ length: leastPrompt + below(mostPrompt - leastPrompt + 1) }, () => below(vocab))
  const maxTokens = leastAnswer + below(mostAnswer - leastAnswer + 1)
  return { promptTokens, maxTokens, stopTokens: [...stopTokens], sampling: { ...greedy, seed: below(2 ** 32) } }
}
