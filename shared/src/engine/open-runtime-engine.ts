/**
 * Makes an Engine of a runtime and a way to keep caches: loads the slice's graph, embedding and head, and runs steps. It knows
 * neither a host nor a device, and keeps no books.
 */
import type { ComputePoolError } from '../errors/index.ts'
import { cacheNames, writeSliceGraph } from '../graph/index.ts'
import type { Engine, EngineFacts, SliceRequest } from '../ports/index.ts'
import { createSliceEngine } from './create-slice-engine.ts'
import { type EmbeddingReader, openEmbedding } from './embedding-reader.ts'
import { type ExitHead, openExitHead } from './exit-head.ts'
import { expandedBytes } from './expand-weights.ts'
import { bytesOf } from './float-formats.ts'
import { loadWeights } from './load-weights.ts'
import type { CacheKeeper, Runtime, RuntimeSession, RuntimeTensor } from './runtime.ts'
import type { Boundary, SliceBackend } from './slice-backend.ts'

export interface RuntimeHost<Cache> {
  readonly runtime: Runtime
  readonly facts: EngineFacts
  /** Called once, when the slice's session stands: a host may need it to reach its device. */
  openCaches(): Promise<CacheKeeper<Cache>>
  readonly lost: Promise<ComputePoolError>
  close(): Promise<void>
}

/** Loads `slice`. Errors: what its part source throws, `artifact_invalid`, what the runtime's sessions throw. */
export async function openRuntimeEngine<Cache>(slice: SliceRequest, host: RuntimeHost<Cache>): Promise<Engine> {
  const { manifest, layers, maxContext } = slice
  const { runtime } = host
  const { float } = runtime
  const isExit = layers.end === manifest.dimensions.layers
  const { dtypes, upToBytes } = runtime.expansion
  const expanded = expandedBytes(manifest, layers, dtypes) <= upToBytes ? dtypes : []
  const graph = writeSliceGraph({ manifest, layers, float, maxContext, expanded })
  const weights = await loadWeights({ slice, external: graph.external, float })
  const layerBytes = weights.reduce((sum, { data }) => sum + data.length, 0)
  const session = await runtime.openSession({
    model: graph.model,
    weights,
    deviceOutputs: isExit ? ['boundary'] : [],
  })
  // The session has its own copy now.
  weights.length = 0
  const head = isExit ? await openExitHead(slice, runtime, expanded) : null
  const embedding = layers.start === 0 ? await openEmbedding(manifest, slice.parts, float) : null
  const caches = await host.openCaches()
  const weightsBytes = layerBytes + (head?.weightsBytes ?? 0)
  return createSliceEngine(slice, createBackend({ slice, host, session, head, embedding, caches, weightsBytes }))
}

interface BackendInput<Cache> {
  readonly slice: SliceRequest
  readonly host: RuntimeHost<Cache>
  readonly session: RuntimeSession
  readonly head: ExitHead | null
  readonly embedding: EmbeddingReader | null
  readonly caches: CacheKeeper<Cache>
  readonly weightsBytes: number
}

function createBackend<Cache>(input: BackendInput<Cache>): SliceBackend<Cache> {
  const { slice, host, session, head, embedding, caches } = input
  const { runtime } = host
  const { hidden, kvHeads, headDim } = slice.manifest.dimensions
  const names = cacheNames(slice.layers)
  const elementBytes = runtime.float === 'f32' ? 4 : 2

  return {
    facts: host.facts,
    weightsBytes: input.weightsBytes,
    capacityFor: positions => caches.capacityFor(positions),
    cacheBytes: capacity => names.past.length * kvHeads * capacity * headDim * elementBytes,
    allocate: capacity => caches.allocate(capacity),
    resize: (cache, size) => caches.resize(cache, size),
    release: cache => caches.release(cache),
    embed: tokens => embedding!.rows(tokens),
    async forward({ cache, position, input: activation }) {
      const { tokens } = activation
      const total = position + tokens
      const small = {
        hidden: runtime.floatTensor(activation.data, [1, tokens, hidden]),
        seqlens_k: runtime.int32Tensor(Int32Array.of(total - 1), [1]),
        total_sequence_length: runtime.int32Tensor(Int32Array.of(total), [1]),
      }
      const past = caches.past(cache)
      const present = caches.present(cache)
      const feeds: Record<string, RuntimeTensor> = { ...small }
      const fetches: Record<string, RuntimeTensor | null> = { boundary: null }
      names.past.forEach((name, i) => {
        feeds[name] = past[i]!
        fetches[names.present[i]!] = present[i]!
      })
      const outputs = await session.run(feeds, fetches)
      caches.absorb(
        cache,
        names.present.map(name => outputs[name]!),
      )
      return openBoundary({ tensor: outputs.boundary!, head, hidden, dtype: runtime.float })
    },
    lost: host.lost,
    async close() {
      await embedding?.close()
      await head?.close()
      await session.release()
      await host.close()
    },
  }
}

interface BoundaryInput {
  readonly tensor: RuntimeTensor
  readonly head: ExitHead | null
  readonly hidden: number
  readonly dtype: 'f32' | 'f16'
}

function openBoundary({ tensor, head, hidden, dtype }: BoundaryInput): Boundary {
  let held: { readonly index: number; readonly logits: RuntimeTensor } | null = null
  const logitsAt = async (index: number): Promise<RuntimeTensor> => {
    if (held?.index === index) return held.logits
    held?.logits.dispose()
    held = null
    const logits = await head!.logits(tensor, { first: index, count: 1 })
    held = { index, logits }
    return logits
  }
  return {
    async read() {
      const data = bytesOf((await tensor.getData(true)) as ArrayBufferView)
      return { dtype, tokens: tensor.dims[1]!, hidden, data }
    },
    score: async (query, index) => head!.score(await logitsAt(index), query),
    readLogits: async index => (await (await logitsAt(index)).getData()) as Float32Array,
    async argmaxFrom(index) {
      const logits = await head!.logits(tensor, { first: index, count: tensor.dims[1]! - index })
      try {
        return await head!.argmax(logits)
      } finally {
        logits.dispose()
      }
    },
    discard() {
      tensor.dispose()
      held?.logits.dispose()
    },
  }
}
