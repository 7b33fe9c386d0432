/** Attention as ONNX Runtime's GroupQueryAttention: it takes the caches whole and returns them whole, one position longer. */
import { type AttentionWriter, cacheNames, type OpenAttentionInput } from './attention.ts'
import type { GraphBuilder } from './graph-builder.ts'

/**
 * Inputs: `seqlens_k` i32 [batch], total lengths - 1; `total_sequence_length` i32 [1], the greatest. Outputs: `present.N.key|value`
 * [batch, kvHeads, present, headDim].
 */
export function openFusedAttention({ graph, manifest, layers, float, batch }: OpenAttentionInput): AttentionWriter {
  const { heads, kvHeads, headDim } = manifest.dimensions
  const [queryWidth, keyWidth] = [heads * headDim, kvHeads * headDim]
  graph.input('seqlens_k', 'i32', [batch])
  graph.input('total_sequence_length', 'i32', [1])
  const shapeOf = batch === 1 ? constantShapes(graph) : batchShapes(graph)
  graph.constant('shape.heads', 'i64', [1, -1, headDim])
  graph.constant('shape.attended', 'i64', [1, -1, queryWidth])
  return {
    writeLayer({ layer, projected, normHeads }) {
      const part = `layer-${layer}`
      const reshaped = (input: string, shape: string, output: string) =>
        graph.node('Reshape', [input, shape], [`${part}/${output}`])
      // Only the attention sees a batch: MatMulNBits multiplies [8, 1, n] row by row, five times slower than [1, 8, n].
      const apart = batch === 1 ? projected : reshaped(projected, shapeOf(queryWidth + 2 * keyWidth), 'projected.apart')
      const [query, key, value] = [`${part}/query`, `${part}/key`, `${part}/value`]
      const sizes = graph.constant(`${part}/sizes`, 'i64', [queryWidth, keyWidth, keyWidth])
      graph.node('Split', [apart, sizes], [query, key, value], { attributes: { axis: -1 } })
      const normed = (input: string, kind: 'query' | 'key', width: number) => {
        if (normHeads === null) return input
        const byHead = normHeads(reshaped(input, 'shape.heads', `${kind}.heads`), kind)
        return reshaped(byHead, shapeOf(width), `${kind}.joined`)
      }
      const inputs = [normed(query, 'query', queryWidth), normed(key, 'key', keyWidth), value]
      inputs.push(`past.${layer}.key`, `past.${layer}.value`)
      inputs.push('seqlens_k', 'total_sequence_length', 'rotary.cos', 'rotary.sin')
      const outputs = [`${part}/attended`, `present.${layer}.key`, `present.${layer}.value`]
      const attended = graph.node('GroupQueryAttention', inputs, outputs, {
        domain: 'com.microsoft',
        attributes: {
          num_heads: heads,
          kv_num_heads: kvHeads,
          do_rotary: 1,
          rotary_interleaved: 0,
          scale: { float: 1 / Math.sqrt(headDim) },
        },
      })
      return batch === 1 ? attended : reshaped(attended, 'shape.attended', 'attended.joined')
    },
    writeOutputs() {
      for (const name of cacheNames(layers).present) graph.output(name, float, [batch, kvHeads, 'present', headDim])
    },
  }
}

/** Names the shapes [1, tokens, width]. */
function constantShapes(graph: GraphBuilder): (width: number) => string {
  return once(width => graph.constant(`shape.by_${width}`, 'i64', [1, -1, width]))
}

/** Names the shapes [batch, tokens, width]; the batch is as many as there are lengths. */
function batchShapes(graph: GraphBuilder): (width: number) => string {
  const batch = graph.node('Shape', ['seqlens_k'], ['batch'])
  const rest = graph.constant('rest', 'i64', [-1])
  return once(width => {
    const last = graph.constant(`width.${width}`, 'i64', [width])
    return graph.node('Concat', [batch, rest, last], [`batch.by_${width}`], { attributes: { axis: 0 } })
  })
}

function once(write: (width: number) => string): (width: number) => string {
  const known = new Map<number, string>()
  return width => {
    const name = known.get(width) ?? write(width)
    known.set(width, name)
    return name
  }
}
