/**
 * The graph of a slice: layers [start, end) of a Llama, Qwen2 or Qwen3 decoder over one request's positions, with its cache.
 * Every layer begins with a plain Add and ends with one, so that a cut between two layers changes no bit of what flows.
 * It knows no session; the embedding and the head are not in it.
 */

import type { LayerRange, Manifest, TensorDtype } from '../model/index.ts'
import { type AttentionKind, type AttentionWriter, cacheNames } from './attention.ts'
import { type ExternalTensor, GraphBuilder } from './graph-builder.ts'
import { type FloatType, matrixProduct, tensorDtype, weightName } from './matrix.ts'
import { openFusedAttention } from './write-fused-attention.ts'
import { openPlainAttention } from './write-plain-attention.ts'

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
  /** `fused` unless told otherwise. */
  readonly attention?: AttentionKind
}

/**
 * Inputs: `hidden` [1, batch * tokens, hidden]; `past.N.key|value` [batch, kvHeads, past, headDim]; what the attention asks for. Outputs:
 * `boundary` as `hidden`; `present.N.key|value` of fused attention, `fresh.N.key|value` [batch, kvHeads, tokens, headDim] of plain.
 */
export function writeSliceGraph(options: SliceGraphOptions): SliceGraph {
  const { manifest, layers, float, maxContext, expanded = [], batched = false } = options
  const { hidden, kvHeads, headDim } = manifest.dimensions
  const graph = new GraphBuilder()
  const batch = batched ? 'batch' : 1
  let stream = graph.input('hidden', float, [1, 'positions', hidden])
  for (const name of cacheNames(layers).past) graph.input(name, float, [batch, kvHeads, 'past', headDim])
  for (const name of ['rotary.cos', 'rotary.sin']) graph.weight(name, float, [maxContext, headDim / 2])
  const openAttention = options.attention === 'plain' ? openPlainAttention : openFusedAttention
  const attention = openAttention({ graph, manifest, layers, float, batch })
  for (let layer = layers.start; layer < layers.end; layer++) {
    const isLast = layer === layers.end - 1
    stream = writeLayer(
      { graph, manifest, layer, float, expanded, attention },
      stream,
      isLast ? 'boundary' : `stream.${layer + 1}`,
    )
  }
  graph.output('boundary', float, [1, 'positions', hidden])
  attention.writeOutputs()
  return graph.finish(`slice_${layers.start}_${layers.end}`)
}

interface LayerContext {
  readonly graph: GraphBuilder
  readonly manifest: Manifest
  readonly layer: number
  readonly float: FloatType
  readonly expanded: readonly TensorDtype[]
  readonly attention: AttentionWriter
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
  const { graph, manifest, layer, float, attention } = context
  const { hidden, heads, kvHeads, headDim } = manifest.dimensions
  const part = `layer-${layer}`
  const width = (heads + 2 * kvHeads) * headDim
  let fused = product('attention.qkv', normed, hidden, width)
  if (manifest.attentionBias) {
    const bias = graph.weight(weightName(part, 'attention.qkv.bias'), float, [width])
    fused = graph.node('Add', [fused, bias], [`${part}/qkv.biased`])
  }
  const normHeads = (input: string, kind: 'query' | 'key') => {
    const scale = graph.weight(weightName(part, `attention.${kind[0]}_norm`), float, [headDim])
    return writeNorm(graph, input, scale, `${part}/${kind}.normed`, { float: manifest.normEpsilon })
  }
  const attended = attention.writeLayer({ layer, projected: fused, normHeads: manifest.qkNorm ? normHeads : null })
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
