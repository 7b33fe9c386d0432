/**
 * What the exit draws of a row: one token, or, where guesses came with it, the run of those that came true and one token more. Each
 * draw depends on its own position's logits, seed and earlier tokens, so the run is what as many single steps would have drawn.
 */
import type { EngineOutput, EngineRow, SampleRequest } from '../ports/index.ts'
import { headQuery, sampleToken } from '../sampler/index.ts'
import { rowTokens } from './check-row.ts'
import type { Boundary } from './slice-backend.ts'

/** What a draw reads of a slice's output. */
export type Scores = Pick<Boundary, 'score' | 'readLogits' | 'argmaxFrom'>

/** What a row became at the exit. */
export type ExitOutput = Exclude<EngineOutput, { kind: 'activation' }>

/** Draws what `row.sample` asks for from the slice's output. */
export async function drawTokens(row: EngineRow, boundary: Scores, vocab: number): Promise<ExitOutput> {
  const { sample } = row
  if (sample === null) return { kind: 'none' }
  const { draft } = sample
  const draw = (request: SampleRequest, index: number) => drawAt({ row, boundary, vocab, request, index })
  const last = rowTokens(row) - 1
  if (draft === undefined) return { kind: 'token', sampled: await draw(sample, last) }
  const first = last - draft.length
  // With the whole draft behind them: a penalty that begins with the second token counts as well.
  const isArgmax = headQuery(withTokens(sample, draft), vocab).kind === 'argmax'
  const likeliest = isArgmax ? await boundary.argmaxFrom(first) : null
  const sampled = []
  for (let i = 0; i <= draft.length; i++) {
    const drawn =
      likeliest === null
        ? await draw(withTokens(sample, draft.slice(0, i)), first + i)
        : { token: likeliest[i]!, logprob: null, topLogprobs: [] }
    sampled.push(drawn)
    if (drawn.token !== draft[i]) break
  }
  return { kind: 'tokens', sampled }
}

function withTokens(sample: SampleRequest, accepted: readonly number[]): SampleRequest {
  return accepted.length === 0 ? sample : { ...sample, generated: [...sample.generated, ...accepted] }
}

interface DrawAt {
  readonly row: EngineRow
  readonly boundary: Scores
  readonly vocab: number
  readonly request: SampleRequest
  /** Of the input's position whose successor is drawn. */
  readonly index: number
}

async function drawAt({ row, boundary, vocab, request, index }: DrawAt) {
  const query = headQuery(request, vocab)
  return sampleToken({
    params: request.params,
    query,
    scores: await boundary.score(query, index),
    position: row.position + index + 1,
    readLogits: () => boundary.readLogits(index),
  })
}
