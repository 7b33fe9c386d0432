/** The exit's three small sessions on the native runtime: logits, argmax, scorer. */
import { loadWeights } from '@computepool/shared/engine'
import { writeArgmaxGraph, writeLogitsGraph, writeScorerGraph } from '@computepool/shared/graph'
import type { SliceRequest } from '@computepool/shared/ports'
import type { HeadQuery, HeadScores } from '@computepool/shared/sampler'
import { rankCandidates, scorerInputs } from '@computepool/shared/sampler'
import type { Tensor } from 'onnxruntime-node'
import { floatTensor, int64Tensor, openNativeSession } from './native-session.ts'

export interface NativeHead {
  readonly weightsBytes: number
  /** f32 [1, vocab] of the last position of `boundary` [1, tokens, hidden]. */
  logits(boundary: Tensor): Promise<Tensor>
  score(logits: Tensor, query: HeadQuery): Promise<HeadScores>
  close(): Promise<void>
}

export async function openNativeHead(slice: SliceRequest, threads: number): Promise<NativeHead> {
  const { vocab } = slice.manifest.dimensions
  const graph = writeLogitsGraph(slice.manifest, 'f32')
  const weights = await loadWeights({ slice, external: graph.external, float: 'f32' })
  const logitsSession = await openNativeSession({ model: graph.model, weights, threads })
  const argmaxSession = await openNativeSession({ model: writeArgmaxGraph(vocab), threads: 1 })
  const scorerSession = await openNativeSession({ model: writeScorerGraph(vocab), threads: 1 })
  return {
    weightsBytes: weights.reduce((sum, { data }) => sum + data.length, 0),
    logits: async boundary => (await logitsSession.run({ boundary })).logits!,
    async score(logits, query) {
      if (query.kind === 'argmax') {
        const { token } = await argmaxSession.run({ logits })
        return { kind: 'argmax', token: Number((token!.data as BigInt64Array)[0]) }
      }
      const inputs = scorerInputs(query)
      const dims = [1, inputs.tokens.length]
      const outputs = await scorerSession.run({
        logits,
        tokens: int64Tensor(inputs.tokens, dims),
        repetition: floatTensor(inputs.repetition, dims),
        inverse_repetition: floatTensor(inputs.inverseRepetition, dims),
        summand: floatTensor(inputs.summand, dims),
        inverse_temperature: floatTensor(inputs.inverseTemperature, [1]),
      })
      const floats = (name: string) => outputs[name]!.data as Float32Array
      const tokens = (name: string) => Int32Array.from(outputs[name]!.data as BigInt64Array, Number)
      return rankCandidates({
        scaled: floats('scaled'),
        scaledTokens: tokens('scaled_tokens'),
        rawOfScaled: floats('raw_of_scaled'),
        scaledLogSumExp: floats('scaled_sum')[0]!,
        raw: floats('raw'),
        rawTokens: tokens('raw_tokens'),
        rawLogSumExp: floats('raw_sum')[0]!,
      })
    },
    async close() {
      for (const session of [logitsSession, argmaxSession, scorerSession]) await session.release()
    },
  }
}
