/** The exit's three sessions: logits, argmax, scorer. It knows no caches. */
import { writeArgmaxGraph, writeLogitsGraph, writeScorerGraph } from '../graph/index.ts'
import type { TensorDtype } from '../model/index.ts'
import type { SliceRequest } from '../ports/index.ts'
import { type HeadQuery, type HeadScores, rankCandidates, scorerInputs } from '../sampler/index.ts'
import { loadWeights } from './load-weights.ts'
import type { Runtime, RuntimeTensor, RuntimeTensors } from './runtime.ts'

export interface ExitHead {
  readonly weightsBytes: number
  /** f32 [count, vocab] of the positions of `boundary` [1, tokens, hidden] from `first` on, else of the last; the caller disposes it. */
  logits(boundary: RuntimeTensor, rows?: { readonly first: number; readonly count: number }): Promise<RuntimeTensor>
  /** The likeliest token of each row of logits [count, vocab]. */
  argmax(logits: RuntimeTensor): Promise<readonly number[]>
  /** Of one row, [1, vocab]. */
  score(logits: RuntimeTensor, query: HeadQuery): Promise<HeadScores>
  close(): Promise<void>
}

export async function openExitHead(
  slice: SliceRequest,
  runtime: Runtime,
  expanded: readonly TensorDtype[] = [],
): Promise<ExitHead> {
  const { vocab } = slice.manifest.dimensions
  const graph = writeLogitsGraph(slice.manifest, runtime.float, expanded)
  const weights = await loadWeights({ slice, external: graph.external, float: runtime.float })
  const weightsBytes = weights.reduce((sum, { data }) => sum + data.length, 0)
  const logitsSession = await runtime.openSession({ model: graph.model, weights, deviceOutputs: ['logits'] })
  weights.length = 0
  const small = (model: Uint8Array) => runtime.openSession({ model, weights: [], deviceOutputs: [] })
  const argmaxSession = await small(writeArgmaxGraph(vocab))
  const scorerSession = await small(writeScorerGraph(vocab))
  async function argmax(logits: RuntimeTensor): Promise<number[]> {
    const { tokens } = await argmaxSession.run({ logits })
    return Array.from((await tokens!.getData(true)) as BigInt64Array, Number)
  }
  return {
    weightsBytes,
    async logits(boundary, { first, count } = { first: boundary.dims[1]! - 1, count: 1 }) {
      const places = Int32Array.from({ length: count }, (_, i) => first + i)
      return (await logitsSession.run({ boundary, rows: runtime.int32Tensor(places, [count]) })).logits!
    },
    argmax,
    async score(logits, query) {
      if (query.kind === 'candidates')
        return scoreCandidates({ runtime, logits, query, run: f => scorerSession.run(f) })
      return { kind: 'argmax', token: (await argmax(logits))[0]! }
    },
    async close() {
      for (const session of [logitsSession, argmaxSession, scorerSession]) await session.release()
    },
  }
}

interface CandidateRun {
  readonly runtime: Runtime
  readonly logits: RuntimeTensor
  readonly query: HeadQuery & { kind: 'candidates' }
  run(feeds: RuntimeTensors): Promise<RuntimeTensors>
}

async function scoreCandidates({ runtime, logits, query, run }: CandidateRun): Promise<HeadScores> {
  const inputs = scorerInputs(query)
  const dims = [1, inputs.tokens.length]
  const small = {
    tokens: runtime.int64Tensor(BigInt64Array.from(inputs.tokens, BigInt), dims),
    repetition: runtime.float32Tensor(inputs.repetition, dims),
    inverse_repetition: runtime.float32Tensor(inputs.inverseRepetition, dims),
    summand: runtime.float32Tensor(inputs.summand, dims),
    inverse_temperature: runtime.float32Tensor(inputs.inverseTemperature, [1]),
  }
  const outputs = await run({ logits, ...small })
  const floats = async (name: string) => (await outputs[name]!.getData(true)) as Float32Array
  const tokens = async (name: string) => Int32Array.from((await outputs[name]!.getData(true)) as BigInt64Array, Number)
  return rankCandidates({
    scaled: await floats('scaled'),
    scaledTokens: await tokens('scaled_tokens'),
    rawOfScaled: await floats('raw_of_scaled'),
    scaledLogSumExp: (await floats('scaled_sum'))[0]!,
    raw: await floats('raw'),
    rawTokens: await tokens('raw_tokens'),
    rawLogSumExp: (await floats('raw_sum'))[0]!,
  })
}
