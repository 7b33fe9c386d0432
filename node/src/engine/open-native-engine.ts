/**
 * The slice engine on onnxruntime-node's CPU provider: for headless peers, for packing and for fast tests. Caches are static and
 * updated in place (the same tensor is fed and fetched). It knows no peers and keeps no books.
 */
import { createSliceEngine, loadWeights, openEmbedding } from '@computepool/shared/engine'
import { cacheNames, writeSliceGraph } from '@computepool/shared/graph'
import type { Engine, SliceRequest } from '@computepool/shared/ports'
import { createNativeBackend } from './native-backend.ts'
import { openNativeHead } from './native-head.ts'
import { openNativeSession } from './native-session.ts'

export interface NativeEngineOptions {
  /** Threads of one operator; 0 lets the runtime choose. */
  readonly threads?: number
  /** Most positions in one row. */
  readonly maxChunk?: number
}

/** Loads a slice. Errors: what its part source throws, `artifact_invalid`, `engine_failed`. */
export async function openNativeEngine(slice: SliceRequest, options: NativeEngineOptions = {}): Promise<Engine> {
  const { manifest, layers, maxContext } = slice
  const threads = options.threads ?? 0
  const graph = writeSliceGraph({ manifest, layers, float: 'f32', maxContext })
  const weights = await loadWeights({ slice, external: graph.external, float: 'f32' })
  const session = await openNativeSession({ model: graph.model, weights, threads })
  const isExit = layers.end === manifest.dimensions.layers
  const head = isExit ? await openNativeHead(slice, threads) : null
  const embedding = layers.start === 0 ? await openEmbedding(manifest, slice.parts, 'f32') : null
  const weightsBytes = weights.reduce((sum, { data }) => sum + data.length, head?.weightsBytes ?? 0)
  const backend = createNativeBackend({
    manifest,
    layers,
    session,
    head,
    embedding,
    weightsBytes,
    names: cacheNames(layers),
    maxChunk: options.maxChunk ?? 512,
  })
  return createSliceEngine(slice, backend)
}
