/** Where each tensor of a pack comes from: its pieces' names in a Hugging Face or a GGUF checkpoint. It knows names and shapes only. */
import type { ModelShape } from './pack-layout.ts'

export type CheckpointNaming = 'huggingface' | 'gguf'

/** A stored tensor whose rows go into a pack's tensor, after those of the pieces before it. */
export interface SourcePiece {
  readonly name: string
  readonly shape: readonly number[]
  /** Set where the rows are in llama.cpp's interleaved rotary order, for this many heads; a pack has the half-split order. */
  readonly interleavedHeads: number | null
}

const layerNames: Record<
  CheckpointNaming,
  { readonly prefix: (layer: number) => string; readonly names: Record<string, string> }
> = {
  huggingface: {
    prefix: layer => `model.layers.${layer}.`,
    names: {
      q: 'self_attn.q_proj',
      k: 'self_attn.k_proj',
      v: 'self_attn.v_proj',
      output: 'self_attn.o_proj',
      qNorm: 'self_attn.q_norm',
      kNorm: 'self_attn.k_norm',
      attentionNorm: 'input_layernorm',
      mlpNorm: 'post_attention_layernorm',
      gate: 'mlp.gate_proj',
      up: 'mlp.up_proj',
      down: 'mlp.down_proj',
    },
  },
  gguf: {
    prefix: layer => `blk.${layer}.`,
    names: {
      q: 'attn_q',
      k: 'attn_k',
      v: 'attn_v',
      output: 'attn_output',
      qNorm: 'attn_q_norm',
      kNorm: 'attn_k_norm',
      attentionNorm: 'attn_norm',
      mlpNorm: 'ffn_norm',
      gate: 'ffn_gate',
      up: 'ffn_up',
      down: 'ffn_down',
    },
  },
}
const globalNames = {
  huggingface: { embedding: 'model.embed_tokens.weight', finalNorm: 'model.norm.weight', head: 'lm_head.weight' },
  gguf: { embedding: 'token_embd.weight', finalNorm: 'output_norm.weight', head: 'output.weight' },
} as const

/** The checkpoint's own head, present where embeddings are not tied. */
export function headName(naming: CheckpointNaming): string {
  return globalNames[naming].head
}

/** Tensors that a checkpoint may hold and a pack need not: rotary tables, which follow from the config. */
export function isSpareTensor(name: string): boolean {
  return name === 'rope_freqs.weight' || name.endsWith('rotary_emb.inv_freq')
}

/** The pieces of tensor `tensor` of part `part`, in row order. Scales have none: they come with their tensor. */
export function sourcePieces(shape: ModelShape, naming: CheckpointNaming, part: string, tensor: string): SourcePiece[] {
  const { hidden, heads, kvHeads, headDim, intermediate, vocab } = shape.dimensions
  const global = globalNames[naming]
  const plain = (name: string, ...sizes: number[]): SourcePiece => ({ name, shape: sizes, interleavedHeads: null })
  if (tensor === 'embedding') return [plain(global.embedding, vocab, hidden)]
  if (tensor === 'norm.final') return [plain(global.finalNorm, hidden)]
  if (tensor === 'head') return [plain(shape.tiedEmbeddings ? global.embedding : global.head, vocab, hidden)]

  const { prefix, names } = layerNames[naming]
  const at = prefix(Number(part.slice('layer-'.length)))
  const weight = (key: string, ...sizes: number[]) => plain(`${at}${names[key]}.weight`, ...sizes)
  // llama.cpp's converter re-orders q and k of Llama only.
  const isInterleaved = naming === 'gguf' && shape.architecture === 'llama'
  const rotary = (key: string, count: number): SourcePiece => ({
    ...weight(key, count * headDim, hidden),
    interleavedHeads: isInterleaved ? count : null,
  })
  switch (tensor) {
    case 'norm.attention':
      return [weight('attentionNorm', hidden)]
    case 'attention.qkv':
      return [rotary('q', heads), rotary('k', kvHeads), weight('v', kvHeads * headDim, hidden)]
    case 'attention.qkv.bias':
      return (['q', 'k', 'v'] as const).map(key =>
        plain(`${at}${names[key]}.bias`, (key === 'q' ? heads : kvHeads) * headDim),
      )
    case 'attention.q_norm':
      return [weight('qNorm', headDim)]
    case 'attention.k_norm':
      return [weight('kNorm', headDim)]
    case 'attention.output':
      return [weight('output', hidden, heads * headDim)]
    case 'norm.mlp':
      return [weight('mlpNorm', hidden)]
    case 'mlp.gate_up':
      return [weight('gate', intermediate, hidden), weight('up', intermediate, hidden)]
    case 'mlp.down':
      return [weight('down', hidden, intermediate)]
    default:
      return []
  }
}

/**
 * Rows of whole heads from the interleaved rotary order (x0 y0 x1 y1 …) to the half-split one (x0 x1 … y0 y1 …).
 * `bytes` is `rows` rows of equal length; rows are moved whole, so quantised blocks stay as they are.
 */
export function splitRotaryRows(bytes: Uint8Array, rows: number, headDim: number): Uint8Array {
  const rowBytes = bytes.length / rows
  const out = new Uint8Array(bytes.length)
  for (let row = 0; row < rows; row++) {
    const within = row % headDim
    const from = row - within + (within < headDim / 2 ? 2 * within : 2 * (within - headDim / 2) + 1)
    out.set(bytes.subarray(from * rowBytes, (from + 1) * rowBytes), row * rowBytes)
  }
  return out
}
