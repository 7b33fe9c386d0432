/** SmolLM2-135M's shape in q4 with random weights, in memory: what the trust bench's native engines load. */
import { smolLm2Dimensions } from '@computepool/node/pack/random-pack.ts'
import { type RandomPack, randomPack } from '@computepool/shared/testing'

/** `context`: most positions of an answer with its prompt. */
export function smolPack(context: number): RandomPack {
  return randomPack({ architecture: 'llama', quantisation: 'q4', dimensions: { ...smolLm2Dimensions, context } })
}
