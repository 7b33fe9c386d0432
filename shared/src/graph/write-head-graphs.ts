/**
 * The exit's graphs: logits of chosen positions, and two small ones over them, an argmax and a scorer with penalties. They are
 * apart so that the logits stay on the device: a prefill chunk runs none, greedy one and the argmax, a replay of a draw reads them.
 */
import type { Manifest, TensorDtype } from '../model/index.ts'
import { candidateLimit } from '../sampler/index.ts'
import { GraphBuilder } from './graph-builder.ts'
import { type FloatType, matrixProduct, tensorDtype, weightName } from './matrix.ts'
import type { SliceGraph } from './write-slice-graph.ts'
import { writeNorm } from './write-slice-graph.ts'

/** Inputs: `boundary` [1, tokens, hidden], `rows` i32 [rows], which positions of it. Output: `logits` f32 [rows, vocab]. */
export function writeLogitsGraph(
  manifest: Manifest,
  float: FloatType,
  expanded: readonly TensorDtype[] = [],
): SliceGraph {
  const { hidden, vocab } = manifest.dimensions
  const graph = new GraphBuilder()
  graph.input('boundary', float, [1, 'tokens', hidden])
  graph.input('rows', 'i32', ['rows'])
  const chosen = graph.node('Gather', ['boundary', 'rows'], ['chosen'], { attributes: { axis: 1 } })
  const scale = graph.weight(weightName('head', 'norm.final'), float, [hidden])
  const normed = writeNorm(graph, chosen, scale, 'normed', { float: manifest.normEpsilon })
  const dtype = tensorDtype(manifest, 'head', 'head', expanded)
  const weight = weightName('head', 'head')
  let scores = matrixProduct(graph, {
    input: normed,
    output: 'scores',
    inputs: hidden,
    outputs: vocab,
    weight,
    dtype,
    float,
  })
  if (float === 'f16') scores = graph.node('Cast', [scores], ['scores.f32'], { attributes: { to: 1 } })
  graph.node('Reshape', [scores, graph.constant('shape.logits', 'i64', [-1, vocab])], ['logits'])
  graph.output('logits', 'f32', ['rows', vocab])
  return graph.finish('logits')
}

/** Input: `logits` f32 [rows, vocab]. Output: `tokens` i64 [rows]. */
export function writeArgmaxGraph(vocab: number): Uint8Array {
  const graph = new GraphBuilder()
  graph.input('logits', 'f32', ['rows', vocab])
  graph.node('ArgMax', ['logits'], ['tokens'], { attributes: { axis: 1, keepdims: 0, select_last_index: 0 } })
  graph.output('tokens', 'i64', ['rows'])
  return graph.finish('argmax').model
}

/**
 * Inputs: `logits` f32 [1, vocab]; the adjustments as `tokens` i64, `repetition`, `inverse_repetition` and `summand` f32, all
 * [1, n] (n at least 1; a repeated token must repeat its values); `inverse_temperature` f32 [1].
 * Outputs: `scaled` f32, `scaled_tokens` i64, `raw_of_scaled` f32, `raw` f32, `raw_tokens` i64, all [1, candidates]; `scaled_sum`,
 * `raw_sum` f32 [1, 1]: the log-sum-exps.
 */
export function writeScorerGraph(vocab: number): Uint8Array {
  const candidates = Math.min(candidateLimit, vocab)
  const graph = new GraphBuilder()
  graph.input('logits', 'f32', [1, vocab])
  graph.input('tokens', 'i64', [1, 'n'])
  for (const name of ['repetition', 'inverse_repetition', 'summand']) graph.input(name, 'f32', [1, 'n'])
  graph.input('inverse_temperature', 'f32', [1])
  graph.node('GatherElements', ['logits', 'tokens'], ['chosen'], { attributes: { axis: 1 } })
  graph.node('Greater', ['chosen', graph.constant('zero', 'f32', [0])], ['is_positive'])
  graph.node('Where', ['is_positive', 'inverse_repetition', 'repetition'], ['factor'])
  graph.node('Mul', ['chosen', 'factor'], ['penalised'])
  graph.node('Add', ['penalised', 'summand'], ['adjusted'])
  graph.node('ScatterElements', ['logits', 'tokens', 'adjusted'], ['all_adjusted'], { attributes: { axis: 1 } })
  graph.node('Mul', ['all_adjusted', 'inverse_temperature'], ['all_scaled'])
  const limit = graph.constant('limit', 'i64', [candidates])
  const axis = graph.constant('axis', 'i64', [1])
  graph.node('TopK', ['all_scaled', limit], ['scaled', 'scaled_tokens'], { attributes: { axis: 1 } })
  graph.node('TopK', ['logits', limit], ['raw', 'raw_tokens'], { attributes: { axis: 1 } })
  graph.node('GatherElements', ['logits', 'scaled_tokens'], ['raw_of_scaled'], { attributes: { axis: 1 } })
  graph.node('ReduceLogSumExp', ['all_scaled', axis], ['scaled_sum'])
  graph.node('ReduceLogSumExp', ['logits', axis], ['raw_sum'])
  for (const name of ['scaled', 'raw_of_scaled', 'raw']) graph.output(name, 'f32', [1, candidates])
  for (const name of ['scaled_tokens', 'raw_tokens']) graph.output(name, 'i64', [1, candidates])
  for (const name of ['scaled_sum', 'raw_sum']) graph.output(name, 'f32', [1, 1])
  return graph.finish('scorer').model
}
