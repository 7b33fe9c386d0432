/**
 * The Engine that every adapter shares: one step at a time over the caches of its books, and drawing the token. It knows neither graphs
 * nor devices; those are the backend's.
 */
import { asComputePoolError, ComputePoolError, type ErrorCode } from '../errors/index.ts'
import type { Engine, EngineOutput, EngineRow, SliceRequest } from '../ports/index.ts'
import { createCacheBooks } from './cache-books.ts'
import { checkRow, rowTokens } from './check-row.ts'
import { convertActivation } from './convert-activation.ts'
import { drawTokens } from './draw-tokens.ts'
import type { SliceBackend } from './slice-backend.ts'

/** Failures after which a request has to begin anew. */
const forgetting: ReadonlySet<ErrorCode> = new Set(['engine_out_of_memory', 'engine_prefix_missing'])

/** An Engine over `backend` for `slice`; closes the backend with itself. */
export function createSliceEngine<Cache>(slice: SliceRequest, backend: SliceBackend<Cache>): Engine {
  const books = createCacheBooks({ backend, kvBudgetBytes: slice.kvBudgetBytes, maxContext: slice.maxContext })
  /** Of each call that waits or runs: the requests that ended since it was asked for, and how to give it up. */
  const calls = new Set<{ readonly gone: Set<string>; readonly giveUp: (error: ComputePoolError) => void }>()
  let tail: Promise<unknown> = Promise.resolve()
  let closing: Promise<void> | null = null
  let lostError: ComputePoolError | null = null
  const lost = backend.lost.then(error => {
    lostError = error
    // A device that is gone may never answer the step that it was given.
    for (const { giveUp } of calls) giveUp(error)
    return error
  })

  async function runRow(row: EngineRow): Promise<EngineOutput> {
    checkRow(row, slice, backend.facts, books.lengthOf(row.requestId))
    books.takeOver(row)
    const end = row.position + rowTokens(row)
    const held = await books.makeRoom(row.requestId, row.position, end)
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

  async function step(rows: readonly EngineRow[], gone: ReadonlySet<string>): Promise<EngineOutput[]> {
    refuseWhenGone()
    try {
      const outputs: EngineOutput[] = []
      for (const row of rows) {
        try {
          outputs.push(await runRow(row))
        } catch (thrown) {
          const error = lostError ?? asComputePoolError(thrown, 'engine_failed')
          if (forgetting.has(error.code)) books.forget(row.requestId)
          throw error
        }
      }
      return outputs
    } finally {
      books.endStep(gone)
    }
  }

  function run(rows: readonly EngineRow[]): Promise<EngineOutput[]> {
    // The step before may never end.
    if (lostError !== null) return Promise.reject(lostError)
    return new Promise((resolve, reject) => {
      const call = { gone: new Set<string>(), giveUp: reject }
      calls.add(call)
      // The queue outlives a failed step.
      tail = tail
        .then(() => step(rows, call.gone))
        .then(resolve, reject)
        .finally(() => calls.delete(call))
    })
  }

  function over(requestId: string): void {
    for (const { gone } of calls) gone.add(requestId)
  }

  return {
    facts: backend.facts,
    layers: slice.layers,
    lost,
    run,
    forget(requestId) {
      over(requestId)
      books.forget(requestId)
    },
    keep(requestId) {
      over(requestId)
      books.keep(requestId)
    },
    memory: () => ({ weightsBytes: backend.weightsBytes, ...books.memory() }),
    close() {
      closing ??= Promise.race([tail, lost]).then(async () => {
        books.forgetAll()
        await backend.close()
      })
      return closing
    },
  }
}
