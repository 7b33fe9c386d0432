/**
 * The graph of a slice: layers [start, end) of a Llama, Qwen2 or Qwen3 decoder over one request's positions, with its cache.
 * Every layer begins with a plain Add and ends with one, so that a cut between two layers changes no bit of what flows.
 * It knows no session; the embedding and the head are not in it.
 */
import type { LayerRange, Manifest, TensorDtype } from '../model/index.ts'
import { type ExternalTensor, GraphBuilder } from './graph-builder.ts'
import { type FloatType, matrixProduct, tensorDtype, weightName } from './matrix.ts'

export interface SliceGraph {
  readonly model: Uint8Array
  /** Weights by name `part.tensor`, and `rotary.cos`, `rotary.sin`. */
  readonly external: readonly ExternalTensor[]
}

export interface SliceGraphOptions {
  readonly manifest: Manifest
  readonly layers: LayerRange
  readonly float: FloatType
  /** Rows of the rotary caches. */
  readonly maxContext: number
  /** Quantised types that are given to the session as plain floats. */
  readonly expanded?: readonly TensorDtype[]
  /** Takes several requests' single positions at once: `batch` in the shapes is 1 otherwise. */
  readonly batched?: boolean
}

/** Names of the graph's cache inputs and outputs, layer by layer of the slice: keys, then values. */
export function cacheNames(layers: LayerRange): {
  readonly past: readonly string[]
  readonly present: readonly string[]
} {
  const past: string[] = []
  const present: string[] = []
  for (let layer = layers.start; layer < layers.end; layer++)
    for (const kind of ['key', 'value']) {
      past.push(`past.${layer}.${kind}`)
      present.push(`present.${layer}.${kind}`)
    }
  return { past, present }
}

/**
 * Inputs: `hidden` [1, batch * tokens, hidden]; `seqlens_k` i32 [batch], total lengths - 1; `total_sequence_length` i32 [1], the
 * greatest; `past.N.key|value` [batch, kvHeads, past, headDim]. Outputs: `boundary` as `hidden`; `present.N.key|value`.
 */
export function writeSliceGraph(options: SliceGraphOptions): SliceGraph {
  const { manifest, layers, float, maxContext, expanded = [], batched = false } = options
  const { hidden, heads, kvHeads, headDim } = manifest.dimensions
  const graph = new GraphBuilder()
  const batch = batched ? 'batch' : 1
  let stream = graph.input('hidden', float, [1, 'positions', hidden])
  graph.input('seqlens_k', 'i32', [batch])
  graph.input('total_sequence_length', 'i32', [1])
  const { past, present } = cacheNames(layers)
  for (const name of past) graph.input(name, float, [batch, kvHeads, 'past', headDim])
  for (const name of ['rotary.cos', 'rotary.sin']) graph.weight(name, float, [maxContext, headDim / 2])
  const shapeOf = batched ? writeShapes(graph) : undefined
  if (batched) graph.constant('shape.attended', 'i64', [1, -1, heads * headDim])
  if (manifest.qkNorm) writeHeadShapes(graph, manifest, shapeOf)
  for (let layer = layers.start; layer < layers.end; layer++) {
    const isLast = layer === layers.end - 1
    stream = writeLayer(
      { graph, manifest, layer, float, expanded, shapeOf },
      stream,
      isLast ? 'boundary' : `stream.${layer + 1}`,
    )
  }
  graph.output('boundary', float, [1, 'positions', hidden])
  for (const name of present) graph.output(name, float, [batch, kvHeads, 'present', headDim])
  return graph.finish(`slice_${layers.start}_${layers.end}`)
}

/** Names the shapes [batch, tokens, width] of the attention's inputs; the batch is as many as there are lengths. */
function writeShapes(graph: GraphBuilder): (width: number) => string {
  const batch = graph.node('Shape', ['seqlens_k'], ['batch'])
  const rest = graph.constant('rest', 'i64', [-1])
  const known = new Map<number, string>()
  return width => {
    const name = known.get(width) ?? `batch.by_${width}`
    if (!known.has(width)) {
      const last = graph.constant(`width.${width}`, 'i64', [width])
      known.set(width, graph.node('Concat', [batch, rest, last], [name], { attributes: { axis: 0 } }))
    }
    return name
  }
}

interface LayerContext {
  readonly graph: GraphBuilder
  readonly manifest: Manifest
  readonly layer: number
  readonly float: FloatType
  readonly expanded: readonly TensorDtype[]
  readonly shapeOf: ((width: number) => string) | undefined
}

function writeLayer(context: LayerContext, input: string, output: string): string {
  const { graph, manifest, layer, float, expanded } = context
  const { hidden, intermediate } = manifest.dimensions
  const part = `layer-${layer}`
  const epsilon = { float: manifest.normEpsilon }
  const product = (tensor: string, from: string, inputs: number, outputs: number) =>
    matrixProduct(graph, {
      input: from,
      output: `${part}/${tensor}`,
      inputs,
      outputs,
      weight: weightName(part, tensor),
      dtype: tensorDtype(manifest, part, tensor, expanded),
      float,
    })
  const scaleOf = (tensor: string) => graph.weight(weightName(part, tensor), float, [hidden])

  const attended = writeAttention(
    context,
    writeNorm(graph, input, scaleOf('norm.attention'), `${part}/norm`, epsilon),
    product,
  )
  const [normed, middle] = [`${part}/norm2`, `${part}/middle`]
  graph.node('SkipSimplifiedLayerNormalization', [input, attended, scaleOf('norm.mlp')], [normed, '', '', middle], {
    domain: 'com.microsoft',
    attributes: { epsilon },
  })
  const gateUp = product('mlp.gate_up', normed, hidden, 2 * intermediate)
  const [gate, up] = [`${part}/gate`, `${part}/up`]
  graph.node('Split', [gateUp], [gate, up], { attributes: { axis: -1, num_outputs: 2 } })
  const squashed = graph.node('Sigmoid', [gate], [`${part}/sigmoid`])
  const swish = graph.node('Mul', [gate, squashed], [`${part}/swish`])
  const gated = graph.node('Mul', [swish, up], [`${part}/gated`])
  return graph.node('Add', [middle, product('mlp.down', gated, intermediate, hidden)], [output])
}

type Product = (tensor: string, from: string, inputs: number, outputs: number) => string

/** [1, tokens, hidden] to [1, tokens, hidden]: projections, optional bias and per-head norms, rotary attention over the cache. */
function writeAttention(context: LayerContext, normed: string, product: Product): string {
  const { graph, manifest, layer, float, shapeOf } = context
  const { hidden, heads, kvHeads, headDim } = manifest.dimensions
  const part = `layer-${layer}`
  const width = (heads + 2 * kvHeads) * headDim
  let fused = product('attention.qkv', normed, hidden, width)
  if (manifest.attentionBias) {
    const bias = graph.weight(weightName(part, 'attention.qkv.bias'), float, [width])
    fused = graph.node('Add', [fused, bias], [`${part}/qkv.biased`])
  }
  // Only the attention sees a batch: MatMulNBits multiplies [8, 1, n] row by row, five times slower than [1, 8, n].
  if (shapeOf !== undefined) fused = graph.node('Reshape', [fused, shapeOf(width)], [`${part}/qkv.apart`])
  let [query, key] = [`${part}/query`, `${part}/key`]
  const value = `${part}/value`
  const sizes = graph.constant(`${part}/sizes`, 'i64', [heads * headDim, kvHeads * headDim, kvHeads * headDim])
  graph.node('Split', [fused, sizes], [query, key, value], { attributes: { axis: -1 } })
  if (manifest.qkNorm) {
    query = writeHeadNorm(context, query, 'attention.q_norm', 'query')
    key = writeHeadNorm(context, key, 'attention.k_norm', 'key')
  }
  const inputs = [query, key, value, `past.${layer}.key`, `past.${layer}.value`]
  inputs.push('seqlens_k', 'total_sequence_length', 'rotary.cos', 'rotary.sin')
  const outputs = [`${part}/attended`, `present.${layer}.key`, `present.${layer}.value`]
  graph.node('GroupQueryAttention', inputs, outputs, {
    domain: 'com.microsoft',
    attributes: {
      num_heads: heads,
      kv_num_heads: kvHeads,
      do_rotary: 1,
      rotary_interleaved: 0,
      scale: { float: 1 / Math.sqrt(headDim) },
    },
  })
  let attended = `${part}/attended`
  if (shapeOf !== undefined) attended = graph.node('Reshape', [attended, 'shape.attended'], [`${part}/attended.joined`])
  return product('attention.output', attended, heads * headDim, hidden)
}

export function writeNorm(
  graph: GraphBuilder,
  input: string,
  scale: string,
  output: string,
  epsilon: { readonly float: number },
): string {
  // ONNX Runtime keeps this operator in the standard domain, unlike its Skip sibling.
  return graph.node('SimplifiedLayerNormalization', [input, scale], [output], {
    attributes: { axis: -1, epsilon, stash_type: 1 },
  })
}

function writeHeadShapes(graph: GraphBuilder, manifest: Manifest, shapeOf: LayerContext['shapeOf']): void {
  const { heads, kvHeads, headDim } = manifest.dimensions
  graph.constant('shape.heads', 'i64', [1, -1, headDim])
  // The batched names are asked for where they are used.
  if (shapeOf !== undefined) return
  graph.constant('shape.query', 'i64', [1, -1, heads * headDim])
  graph.constant('shape.key', 'i64', [1, -1, kvHeads * headDim])
}

/** Qwen3's RMS norm over each head's own dimensions; [1, tokens, heads * headDim] to the same. */
function writeHeadNorm(context: LayerContext, input: string, tensor: string, kind: 'query' | 'key'): string {
  const { graph, manifest, layer, float } = context
  const part = `layer-${layer}`
  const { heads, kvHeads, headDim } = manifest.dimensions
  const scale = graph.weight(weightName(part, tensor), float, [headDim])
  const apart = graph.node('Reshape', [input, 'shape.heads'], [`${part}/${kind}.heads`])
  const normed = writeNorm(graph, apart, scale, `${part}/${kind}.normed`, { float: manifest.normEpsilon })
  const shape = context.shapeOf?.((kind === 'query' ? heads : kvHeads) * headDim) ?? `shape.${kind}`
  return graph.node('Reshape', [normed, shape], [`${part}/${kind}.joined`])
}
