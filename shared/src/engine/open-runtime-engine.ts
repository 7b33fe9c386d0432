/**
 * Makes an Engine of a runtime and a way to keep caches: loads the slice's graph, embedding and head, and runs steps. It knows
 * neither a host nor a device, and keeps no books.
 */
import type { ComputePoolError } from '../errors/index.ts'
import { type AttentionKind, cacheNames, writeSliceGraph } from '../graph/index.ts'
import type { Activation, Engine, EngineFacts, SliceRequest } from '../ports/index.ts'
import { attentionFeeds } from './attention-feeds.ts'
import { joinActivations } from './convert-activation.ts'
import { createSliceEngine } from './create-slice-engine.ts'
import { type EmbeddingReader, openEmbedding } from './embedding-reader.ts'
import { type ExitHead, openExitHead } from './exit-head.ts'
import { expandedBytes } from './expand-weights.ts'
import { loadWeights } from './load-weights.ts'
import type { CacheKeeper, Runtime, RuntimeSession, RuntimeTensor, RuntimeTensors } from './runtime.ts'
import { openRuntimeBoundary } from './runtime-boundary.ts'
import type { Boundary, CacheStep, SliceBackend } from './slice-backend.ts'

export interface RuntimeHost<Cache> {
  readonly runtime: Runtime
  readonly facts: EngineFacts
  /** `plain` where caches are kept that can store new positions. */
  readonly attention: AttentionKind
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
  const batched = host.facts.maxRows > 1
  const { attention } = host
  const graph = writeSliceGraph({ manifest, layers, float, maxContext, expanded, batched, attention })
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
  const { hidden, heads, kvHeads, headDim } = slice.manifest.dimensions
  const names = cacheNames(slice.layers)
  const elementBytes = runtime.float === 'f32' ? 4 : 2

  const { together } = caches

  function feed(activation: Activation, positions: readonly number[], past: readonly RuntimeTensor[]) {
    const tokens = activation.tokens / positions.length
    const span = { positions, tokens, capacity: past[0]!.dims[2]!, group: heads / kvHeads }
    const feeds: Record<string, RuntimeTensor> = {
      hidden: runtime.floatTensor(activation.data, [1, activation.tokens, hidden]),
      ...attentionFeeds(host.attention, span, runtime),
    }
    names.past.forEach((name, i) => {
      feeds[name] = past[i]!
    })
    return feeds
  }

  function fetch(present: readonly (RuntimeTensor | null)[]) {
    const fetches: Record<string, RuntimeTensor | null> = { boundary: null }
    names.present.forEach((name, i) => {
      fetches[name] = present[i]!
    })
    return fetches
  }

  /** `places`: which row of the batch each step is. */
  async function store(steps: readonly CacheStep<Cache>[], places: readonly number[], outputs: RuntimeTensors) {
    const values = (await Promise.all(names.fresh.map(name => outputs[name]!.getData(true)))) as Float32Array[]
    for (const [i, { cache, position, input: activation }] of steps.entries())
      caches.store!(cache, { position, tokens: activation.tokens, row: places[i]!, values })
  }

  const boundaryOf = (tensor: RuntimeTensor, places: readonly number[] | null) =>
    openRuntimeBoundary({ tensor, head, runtime, dimensions: slice.manifest.dimensions, places })

  async function runOne(step: CacheStep<Cache>): Promise<Boundary> {
    const { cache, position, input: activation } = step
    const feeds = feed(activation, [position], caches.past(cache))
    const isPlain = host.attention === 'plain'
    const outputs = await session.run(feeds, isPlain ? undefined : fetch(caches.present(cache)))
    if (isPlain) await store([step], [0], outputs)
    else
      caches.absorb(
        cache,
        names.present.map(name => outputs[name]!),
      )
    return boundaryOf(outputs.boundary!, null)
  }

  async function runTogether(steps: readonly CacheStep<Cache>[]): Promise<Boundary> {
    const { tensors, places } = together!.range(steps.map(({ cache }) => cache))
    const ordered = new Array<CacheStep<Cache>>(steps.length)
    for (const [i, place] of places.entries()) ordered[place] = steps[i]!
    const activation = joinActivations(ordered.map(step => step.input))
    const positions = ordered.map(({ position }) => position)
    const feeds = feed(activation, positions, tensors)
    const isPlain = host.attention === 'plain'
    const outputs = await session.run(feeds, isPlain ? undefined : fetch(tensors))
    if (isPlain) await store(steps, places, outputs)
    return boundaryOf(outputs.boundary!, places)
  }

  return {
    facts: host.facts,
    weightsBytes: input.weightsBytes,
    capacityFor: positions => caches.capacityFor(positions),
    cacheBytes: capacity => names.past.length * kvHeads * capacity * headDim * elementBytes,
    allocate: capacity => caches.allocate(capacity),
    resize: (cache, size) => caches.resize(cache, size),
    release: cache => caches.release(cache),
    embed: tokens => embedding!.rows(tokens),
    forward: runOne,
    boundaryOf: rows => boundaryOf(runtime.floatTensor(rows.data, [1, rows.tokens, hidden]), null),
    ...(caches.together === undefined ? {} : { batch: { groups: caches.together.groups, forward: runTogether } }),
    lost: host.lost,
    async close() {
      await embedding?.close()
      await head?.close()
      await session.release()
      await host.close()
    },
  }
}
