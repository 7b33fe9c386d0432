/**
 * The Engine that every adapter shares: which request holds which cache, rewinding, the memory budget, one step at a time, and
 * drawing the token. It knows neither graphs nor devices; those are the backend's.
 */
import { asComputePoolError, ComputePoolError } from '../errors/index.ts'
import type { Engine, EngineOutput, EngineRow, SliceRequest } from '../ports/index.ts'
import { checkRow, rowTokens } from './check-row.ts'
import { convertActivation } from './convert-activation.ts'
import { drawTokens } from './draw-tokens.ts'
import type { SliceBackend } from './slice-backend.ts'

interface Held<Cache> {
  cache: Cache
  capacity: number
  /** Positions that hold; what lies beyond them in the cache is stale. */
  length: number
}

/** An Engine over `backend` for `slice`; closes the backend with itself. */
export function createSliceEngine<Cache>(slice: SliceRequest, backend: SliceBackend<Cache>): Engine {
  const requests = new Map<string, Held<Cache>>()
  const forgotten: Held<Cache>[] = []
  let tail: Promise<unknown> = Promise.resolve()
  let isStepping = false
  let closing: Promise<void> | null = null
  let lostError: ComputePoolError | null = null
  const lost = backend.lost.then(error => {
    lostError = error
    return error
  })

  function kvBytes(): number {
    let bytes = 0
    for (const held of requests.values()) bytes += backend.cacheBytes(held.capacity)
    return bytes
  }

  function forget(requestId: string): void {
    const held = requests.get(requestId)
    if (held === undefined) return
    requests.delete(requestId)
    // A running step may still read the cache; it is released when the step is over.
    if (isStepping) forgotten.push(held)
    else backend.release(held.cache)
  }

  /** The request's cache, with room for `end` positions and cut back to `position`. */
  async function makeRoom(requestId: string, position: number, end: number): Promise<Held<Cache>> {
    const held = requests.get(requestId)
    if (held !== undefined) {
      held.length = Math.min(held.length, position)
      if (held.capacity >= end) return held
    }
    const capacity = Math.min(backend.capacityFor(end), Math.max(end, slice.maxContext))
    const others = kvBytes() - (held === undefined ? 0 : backend.cacheBytes(held.capacity))
    const needed = backend.cacheBytes(capacity)
    if (others + needed > slice.kvBudgetBytes)
      throw new ComputePoolError(
        'engine_out_of_memory',
        `The cache of ${end} positions needs ${needed} bytes; ${others} of the budget of ${slice.kvBudgetBytes} are taken.`,
        { remedy: 'Wait until another request ends, or give this tab fewer layers.', context: { requestId, needed } },
      )
    if (held === undefined) {
      const fresh = { cache: await backend.allocate(capacity), capacity, length: 0 }
      requests.set(requestId, fresh)
      return fresh
    }
    held.cache = await backend.resize(held.cache, { capacity, keep: held.length })
    held.capacity = capacity
    return held
  }

  async function runRow(row: EngineRow): Promise<EngineOutput> {
    checkRow(row, slice, backend.facts, requests.get(row.requestId)?.length ?? 0)
    const end = row.position + rowTokens(row)
    const held = await makeRoom(row.requestId, row.position, end)
    const input =
      'tokens' in row.input
        ? await backend.embed(row.input.tokens)
        : convertActivation(row.input.activation, backend.facts.activationDtype)
    const boundary = await backend.forward({ cache: held.cache, position: row.position, input })
    held.length = end
    if (slice.layers.end < slice.manifest.dimensions.layers)
      return { kind: 'activation', activation: await boundary.read() }
    try {
      return await drawTokens(row, boundary, slice.manifest.dimensions.vocab)
    } finally {
      boundary.discard()
    }
  }

  function refuseWhenGone(): void {
    if (lostError !== null) throw lostError
    if (closing !== null)
      throw new ComputePoolError('engine_unavailable', 'The engine was closed.', { remedy: 'Load the slice again.' })
  }

  async function step(rows: readonly EngineRow[]): Promise<EngineOutput[]> {
    refuseWhenGone()
    isStepping = true
    try {
      const outputs: EngineOutput[] = []
      for (const row of rows) {
        try {
          outputs.push(await runRow(row))
        } catch (thrown) {
          const error = lostError ?? asComputePoolError(thrown, 'engine_failed')
          if (error.code === 'engine_out_of_memory') forget(row.requestId)
          throw error
        }
      }
      return outputs
    } finally {
      isStepping = false
      for (const held of forgotten.splice(0)) backend.release(held.cache)
    }
  }

  return {
    facts: backend.facts,
    layers: slice.layers,
    lost,
    run(rows) {
      const result = tail.then(() => step(rows))
      // The queue outlives a failed step.
      tail = result.catch(() => undefined)
      return result
    },
    forget,
    keep: forget,
    memory: () => ({
      weightsBytes: backend.weightsBytes,
      kvBytes: kvBytes(),
      kvBudgetBytes: slice.kvBudgetBytes,
      requests: requests.size,
      keptBytes: 0,
    }),
    close() {
      closing ??= tail.then(async () => {
        for (const requestId of [...requests.keys()]) forget(requestId)
        await backend.close()
      })
      return closing
    },
  }
}
