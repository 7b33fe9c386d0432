/** Caches and the forward pass of one slice on the native runtime. */
import type { Boundary, EmbeddingReader, SliceBackend } from '@computepool/shared/engine'
import { bytesOf, copyHeads, doubledCapacity, floatsOf } from '@computepool/shared/engine'
import type { LayerRange, Manifest } from '@computepool/shared/model'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import type { NativeHead } from './native-head.ts'
import { floatTensor, int32Tensor } from './native-session.ts'

export interface NativeBackendInput {
  readonly manifest: Manifest
  readonly layers: LayerRange
  readonly session: InferenceSession
  readonly head: NativeHead | null
  readonly embedding: EmbeddingReader | null
  readonly weightsBytes: number
  readonly names: { readonly past: readonly string[]; readonly present: readonly string[] }
  readonly maxChunk: number
}

/** One tensor [1, kvHeads, capacity, headDim] for each of the graph's cache names. */
interface NativeCache {
  tensors: readonly Tensor[]
  capacity: number
}

export function createNativeBackend(input: NativeBackendInput): SliceBackend<NativeCache> {
  const { manifest, session, head, embedding, names } = input
  const { hidden, kvHeads, headDim } = manifest.dimensions
  const allocate = (capacity: number): NativeCache => ({
    capacity,
    tensors: names.past.map(() =>
      floatTensor(new Float32Array(kvHeads * capacity * headDim), [1, kvHeads, capacity, headDim]),
    ),
  })

  function boundaryOf(tensor: Tensor): Boundary {
    let logits: Promise<Tensor> | null = null
    const exit = () => head!
    const logitsOnce = () => {
      logits ??= exit().logits(tensor)
      return logits
    }
    return {
      read: async () => ({ dtype: 'f32', tokens: tensor.dims[1]!, hidden, data: bytesOf(tensor.data as Float32Array) }),
      score: async query => exit().score(await logitsOnce(), query),
      readLogits: async () => (await logitsOnce()).data as Float32Array,
      discard: () => tensor.dispose(),
    }
  }

  return {
    facts: {
      kind: 'native',
      device: 'onnxruntime-node CPU',
      isSoftware: false,
      activationDtype: 'f32',
      maxChunk: input.maxChunk,
    },
    weightsBytes: input.weightsBytes,
    capacityFor: doubledCapacity,
    cacheBytes: capacity => names.past.length * kvHeads * capacity * headDim * 4,
    allocate: async capacity => allocate(capacity),
    async resize(cache, { capacity, keep }) {
      const grown = allocate(capacity)
      cache.tensors.forEach((tensor, i) => {
        copyHeads({
          source: tensor.data as Float32Array,
          target: grown.tensors[i]!.data as Float32Array,
          heads: kvHeads,
          rowLength: headDim,
          rows: keep,
        })
      })
      return grown
    },
    release: () => undefined,
    embed: tokens => embedding!.rows(tokens),
    async forward({ cache, position, input: activation }) {
      const { tokens } = activation
      const total = position + tokens
      const feeds: Record<string, Tensor> = {
        hidden: floatTensor(floatsOf(activation.data), [1, tokens, hidden]),
        seqlens_k: int32Tensor([total - 1]),
        total_sequence_length: int32Tensor([total]),
      }
      const fetches: Record<string, Tensor | null> = { boundary: null }
      cache.tensors.forEach((tensor, i) => {
        feeds[names.past[i]!] = tensor
        fetches[names.present[i]!] = tensor
      })
      const outputs = await session.run(feeds, fetches)
      return boundaryOf(outputs.boundary!)
    },
    // A CPU does not get lost.
    lost: new Promise(() => undefined),
    async close() {
      await embedding?.close()
      await head?.close()
      await session.release()
    },
  }
}
