/** What the kinds of attention have in common: how a slice's graph asks for them, and the names of their caches. */
import type { LayerRange, Manifest } from '../model/index.ts'
import type { Dimension, GraphBuilder } from './graph-builder.ts'
import type { FloatType } from './matrix.ts'

/**
 * `fused`: one operator that returns the whole caches, for where past and present are one memory. `plain`: plain products that return
 * the new positions alone, for whoever pays for each fetched byte; f32 only.
 */
export type AttentionKind = 'fused' | 'plain'

/** What a kind of attention is opened with. */
export interface OpenAttentionInput {
  readonly graph: GraphBuilder
  readonly manifest: Manifest
  readonly layers: LayerRange
  readonly float: FloatType
  readonly batch: Dimension
}

/** One layer's attention over what its projection made. */
export interface AttentionInput {
  readonly layer: number
  /** Queries, keys and values side by side, before rotation: [1, batch * tokens, (heads + 2 * kvHeads) * headDim]. */
  readonly projected: string
  /** Qwen3's norm over each head's own dimensions; null where the model has none. The input's last dimension is headDim. */
  readonly normHeads: ((input: string, kind: 'query' | 'key') => string) | null
}

/** How a kind of attention is written: its inputs and shapes once a graph, its nodes once a layer. */
export interface AttentionWriter {
  /** Returns the attended values, [1, batch * tokens, heads * headDim]. */
  writeLayer(input: AttentionInput): string
  writeOutputs(): void
}

/** Names of the graph's cache inputs and outputs, layer by layer of the slice: keys, then values. `fresh` are those of plain attention. */
export function cacheNames(layers: LayerRange): {
  readonly past: readonly string[]
  readonly present: readonly string[]
  readonly fresh: readonly string[]
} {
  const names: string[] = []
  for (let layer = layers.start; layer < layers.end; layer++) names.push(`${layer}.key`, `${layer}.value`)
  const under = (prefix: string) => names.map(name => `${prefix}.${name}`)
  return { past: under('past'), present: under('present'), fresh: under('fresh') }
}
