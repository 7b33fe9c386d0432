/**
 * Attention in plain products: the past is read where it lies, and only the new positions' keys and values are returned, for the host to
 * write behind the past. Scores over the past and over the new positions are made apart and share one softmax.
 */
import { type AttentionWriter, cacheNames, type OpenAttentionInput } from './attention.ts'

/**
 * Inputs: `positions` i64 [batch, tokens]; `mask` f32 [batch, 1, queries, past + tokens], 0 where a query may look and -Infinity where
 * not, whose queries are a group's heads, each with its tokens; `widths` i64 [2], past and tokens. Outputs: `fresh.N.key|value`
 * [batch, kvHeads, tokens, headDim]. Stale values of the past must be finite: a weight of 0 silences no infinity. f32 only: the processor
 * has no FusedMatMul in f16.
 */
export function openPlainAttention({ graph, manifest, layers, float, batch }: OpenAttentionInput): AttentionWriter {
  const { heads, kvHeads, headDim } = manifest.dimensions
  graph.input('positions', 'i64', [batch, 'tokens'])
  graph.input('mask', 'f32', [batch, 1, 'queries', 'total'])
  graph.input('widths', 'i64', [2])
  const tokens = graph.node('Shape', ['positions'], ['tokens'])
  const headsApart = graph.constant('shape.heads', 'i64', [heads + 2 * kvHeads, headDim])
  graph.node('Concat', [tokens, headsApart], ['shape.projected'], { attributes: { axis: 0 } })
  graph.constant('heads', 'i64', [heads, kvHeads, kvHeads])
  // The heads of a group are rows of one product with the keys that they share.
  graph.constant('shape.queries', 'i64', [0, kvHeads, -1, headDim])
  graph.constant('shape.by_head', 'i64', [0, heads, -1, headDim])
  graph.constant('shape.attended', 'i64', [1, -1, heads * headDim])

  return {
    writeLayer({ layer, projected, normHeads }) {
      const name = (what: string) => `layer-${layer}/${what}`
      const reshaped = (input: string, shape: string, output: string) =>
        graph.node('Reshape', [input, shape], [name(output)])
      const transposed = (input: string, output: string) =>
        graph.node('Transpose', [input], [name(output)], { attributes: { perm: [0, 2, 1, 3] } })
      const [pastKey, pastValue] = [`past.${layer}.key`, `past.${layer}.value`]
      const [freshKey, freshValue] = [`fresh.${layer}.key`, `fresh.${layer}.value`]

      const byHead = transposed(reshaped(projected, 'shape.projected', 'projected.apart'), 'projected.by_head')
      const [query, key] = [name('query'), name('key')]
      graph.node('Split', [byHead, 'heads'], [query, key, freshValue], { attributes: { axis: 1 } })
      const rotated = (input: string, kind: 'query' | 'key', output: string) => {
        const normed = normHeads === null ? input : normHeads(input, kind)
        return graph.node('RotaryEmbedding', [normed, 'positions', 'rotary.cos', 'rotary.sin'], [output], {
          domain: 'com.microsoft',
          attributes: { interleaved: 0 },
        })
      }
      rotated(key, 'key', freshKey)
      const queries = reshaped(rotated(query, 'query', name('query.rotated')), 'shape.queries', 'queries')

      const scoresOf = (keys: string, output: string) =>
        graph.node('FusedMatMul', [queries, keys], [name(output)], {
          domain: 'com.microsoft',
          attributes: { transA: 0, transB: 1, alpha: { float: 1 / Math.sqrt(headDim) } },
        })
      const parts = [scoresOf(pastKey, 'scores.past'), scoresOf(freshKey, 'scores.fresh')]
      const scores = graph.node('Concat', parts, [name('scores')], { attributes: { axis: -1 } })
      const masked = graph.node('Add', [scores, 'mask'], [name('scores.masked')])
      const weights = graph.node('Softmax', [masked], [name('weights')], { attributes: { axis: -1 } })
      const [ofPast, ofFresh] = [name('weights.past'), name('weights.fresh')]
      graph.node('Split', [weights, 'widths'], [ofPast, ofFresh], { attributes: { axis: -1 } })
      const fromPast = graph.node('MatMul', [ofPast, pastValue], [name('attended.past')])
      const fromFresh = graph.node('MatMul', [ofFresh, freshValue], [name('attended.fresh')])
      const attended = graph.node('Add', [fromPast, fromFresh], [name('attended.rows')])
      const byToken = transposed(reshaped(attended, 'shape.by_head', 'attended.by_head'), 'attended.by_token')
      return reshaped(byToken, 'shape.attended', 'attended')
    },
    writeOutputs() {
      for (const name of cacheNames(layers).fresh) graph.output(name, float, [batch, kvHeads, 'tokens', headDim])
    },
  }
}
