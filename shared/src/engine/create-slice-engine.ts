/**
 * The Engine that every adapter shares: one step at a time over the caches of its books, and drawing the token. It knows neither graphs
 * nor devices; those are the backend's.
 */
import { asComputePoolError, ComputePoolError, type ErrorCode } from '../errors/index.ts'
import type { SampledToken } from '../pipeline/index.ts'
import type { Activation, DrawRequest, Engine, EngineOutput, EngineRow, SliceRequest } from '../ports/index.ts'
import { createCacheBooks, type HeldCache } from './cache-books.ts'
import { checkDraw, checkRow, rowTokens } from './check-row.ts'
import { activationRows, convertActivation } from './convert-activation.ts'
import { drawTokens, type ExitOutput, type Scores } from './draw-tokens.ts'
import { areDrawable } from './drawable-rows.ts'
import { groupRows } from './row-groups.ts'
import type { Boundary, CacheBatch, CacheStep, SliceBackend } from './slice-backend.ts'

/** Failures after which a request has to begin anew. */
const forgetting: ReadonlySet<ErrorCode> = new Set(['engine_out_of_memory', 'engine_prefix_missing'])

interface Prepared<Cache> {
  readonly row: EngineRow
  readonly held: HeldCache<Cache>
}

/** The boundary of several rows as one row's. */
function boundaryAt(boundary: Boundary, at: number): Scores {
  return {
    score: (query, index) => boundary.score(query, at + index),
    readLogits: index => boundary.readLogits(at + index),
    argmaxFrom: index => boundary.argmaxFrom(at + index),
  }
}

/**
 * What was drawn, with the rows. The likeliest of scores that are no numbers is some token all the same: who signed for it could not show what it
 * was drawn from. Errors: `engine_failed`.
 */
function withRows(row: EngineRow, drawn: ExitOutput, rows: Activation): ExitOutput {
  const count = drawn.kind === 'tokens' ? drawn.sampled.length : drawn.kind === 'token' ? 1 : 0
  const first = rows.tokens - 1 - (row.sample?.draft?.length ?? 0)
  if (areDrawable(rows, { position: row.position, first, count })) return { ...drawn, rows }
  const position = row.position + first
  throw new ComputePoolError('engine_failed', `The rows from position ${position} on are too large to draw from.`, {
    remedy: 'Send the request again over other seats.',
    context: { position },
  })
}

/** An Engine over `backend` for `slice`; closes the backend with itself. */
export function createSliceEngine<Cache>(slice: SliceRequest, backend: SliceBackend<Cache>): Engine {
  const { layers, vocab } = slice.manifest.dimensions
  const isExit = slice.layers.end === layers
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

  /** The row's step, with room for it; its request begins anew where there is none. */
  async function prepare(row: EngineRow): Promise<Prepared<Cache>> {
    try {
      checkRow(row, slice, backend.facts, books.lengthOf(row.requestId))
      books.takeOver(row)
      return { row, held: await books.makeRoom(row.requestId, row.position, row.position + rowTokens(row)) }
    } catch (thrown) {
      const error = asComputePoolError(thrown, 'engine_failed')
      if (forgetting.has(error.code)) books.forget(row.requestId)
      throw error
    }
  }

  async function stepOf({ row, held }: Prepared<Cache>): Promise<CacheStep<Cache>> {
    const input =
      'tokens' in row.input
        ? await backend.embed(row.input.tokens)
        : convertActivation(row.input.activation, backend.facts.activationDtype)
    return { cache: held.cache, position: row.position, input }
  }

  async function outputOf(row: EngineRow, boundary: Boundary): Promise<EngineOutput> {
    if (!isExit) return { kind: 'activation', activation: await boundary.read() }
    let isRead = false
    try {
      const drawn = await drawTokens(row, boundary, vocab)
      if (row.keepRows !== true) return drawn
      // After the draw: what is read back is no longer where the head takes it from.
      isRead = true
      return withRows(row, drawn, await boundary.read())
    } finally {
      if (!isRead) boundary.discard()
    }
  }

  async function runRow(row: EngineRow): Promise<EngineOutput> {
    return runPrepared(await prepare(row))
  }

  async function runPrepared(prepared: Prepared<Cache>): Promise<EngineOutput> {
    const boundary = await backend.forward(await stepOf(prepared))
    prepared.held.length = prepared.row.position + rowTokens(prepared.row)
    return outputOf(prepared.row, boundary)
  }

  /** Rows of one position each, of different requests. */
  async function runTogether(rows: readonly EngineRow[], batch: CacheBatch<Cache>): Promise<EngineOutput[]> {
    const prepared: Prepared<Cache>[] = []
    for (const row of rows) prepared.push(await prepare(row))
    const outputs = new Array<EngineOutput>(rows.length)
    for (const group of batch.groups(prepared.map(({ held }) => held.cache))) {
      const members = group.map(i => prepared[i]!)
      const drawn = members.length === 1 ? [await runPrepared(members[0]!)] : await runBatch(members, batch)
      for (const [at, i] of group.entries()) outputs[i] = drawn[at]!
    }
    return outputs
  }

  async function runBatch(members: readonly Prepared<Cache>[], batch: CacheBatch<Cache>): Promise<EngineOutput[]> {
    const steps: CacheStep<Cache>[] = []
    for (const member of members) steps.push(await stepOf(member))
    const boundary = await batch.forward(steps)
    for (const { row, held } of members) held.length = row.position + 1
    if (!isExit) {
      const activation = await boundary.read()
      return members.map((_, i) => ({ kind: 'activation', activation: activationRows(activation, i, i + 1) }))
    }
    let isRead = false
    try {
      const outputs: ExitOutput[] = []
      for (const [i, { row }] of members.entries()) outputs.push(await drawTokens(row, boundaryAt(boundary, i), vocab))
      if (!members.some(({ row }) => row.keepRows)) return outputs
      isRead = true
      const all = await boundary.read()
      return outputs.map((drawn, i) => {
        const { row } = members[i]!
        return row.keepRows ? withRows(row, drawn, activationRows(all, i, i + 1)) : drawn
      })
    } finally {
      if (!isRead) boundary.discard()
    }
  }

  /** The head alone, on rows that are given. */
  async function headOn<Result>(
    { rows, position, sample }: Omit<DrawRequest, 'sample'> & Partial<DrawRequest>,
    read: (boundary: Boundary, activation: Activation) => Promise<Result>,
  ): Promise<Result> {
    refuseWhenGone()
    try {
      checkDraw({ rows, position, draft: sample?.draft }, slice)
      const activation = convertActivation(rows, backend.facts.activationDtype)
      const boundary = backend.boundaryOf(activation, position)
      try {
        return await read(boundary, activation)
      } finally {
        boundary.discard()
      }
    } catch (thrown) {
      throw lostError ?? asComputePoolError(thrown, 'engine_failed')
    }
  }

  const drawGiven = ({ rows, position, sample }: DrawRequest): Promise<readonly SampledToken[]> =>
    headOn({ rows, position, sample }, async (boundary, activation) => {
      const drawn = await drawTokens({ requestId: '', position, input: { activation }, sample }, boundary, vocab)
      if (drawn.kind === 'tokens') return drawn.sampled
      return drawn.kind === 'token' ? [drawn.sampled] : []
    })

  function refuseWhenGone(): void {
    if (lostError !== null) throw lostError
    if (closing !== null)
      throw new ComputePoolError('engine_unavailable', 'The engine was closed.', { remedy: 'Load the slice again.' })
  }

  async function step(rows: readonly EngineRow[], gone: ReadonlySet<string>): Promise<EngineOutput[]> {
    refuseWhenGone()
    try {
      const outputs = new Array<EngineOutput>(rows.length)
      for (const group of groupRows(rows, backend.batch === undefined ? 1 : backend.facts.maxRows)) {
        const members = group.map(i => rows[i]!)
        const drawn = members.length === 1 ? [await runRow(members[0]!)] : await runTogether(members, backend.batch!)
        for (const [at, i] of group.entries()) outputs[i] = drawn[at]!
      }
      return outputs
    } catch (thrown) {
      throw lostError ?? asComputePoolError(thrown, 'engine_failed')
    } finally {
      books.endStep(gone)
    }
  }

  /** One call at a time, in their order. */
  function inTurn<Result>(work: (gone: ReadonlySet<string>) => Promise<Result>): Promise<Result> {
    // The step before may never end.
    if (lostError !== null) return Promise.reject(lostError)
    return new Promise((resolve, reject) => {
      const call = { gone: new Set<string>(), giveUp: reject }
      calls.add(call)
      // The queue outlives a failed step.
      tail = tail
        .then(() => work(call.gone))
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
    run: rows => inTurn(gone => step(rows, gone)),
    drawFrom: request => inTurn(() => drawGiven(request)),
    // A copy: what is read may lie where the boundary does.
    logitsOf: ({ rows, position }) =>
      inTurn(() => headOn({ rows, position }, async boundary => (await boundary.readLogits(rows.tokens - 1)).slice())),
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
