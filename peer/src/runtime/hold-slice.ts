/**
 * One assignment, of a seat or as a standby, from its first byte to its last request: load, link, serve, report. It knows the desk's words,
 * not the page and not how a socket works.
 */
import { asComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { PackPlaces } from '@computepool/shared/model'
import type { RequestJob } from '@computepool/shared/pipeline'
import type { Engine, EngineKind } from '@computepool/shared/ports'
import type { AssignedRoute } from '@computepool/shared/wire'
import type { VerifiedStore } from '../artifacts/verified-store.ts'
import type { EngineShelf } from './engine-shelf.ts'
import { loadSlice, type SliceLoad } from './load-slice.ts'
import type { Assignment, Offer, Preparation } from './peer-powers.ts'
import { type SeatHost, type ServedSeat, serveSeat } from './serve-seat.ts'
import { noSlice } from './snapshot-box.ts'

const tickMs = 1000
/** Round trips change slowly; the desk plans with them. */
const linksEveryTicks = 5

export interface SliceHost extends SeatHost {
  readonly offer: Offer
  readonly packUrl: string
  readonly places: PackPlaces | null
  readonly engineKind: EngineKind
  readonly store: VerifiedStore
  readonly shelf: EngineShelf
  /** The slice was refused: the desk has heard why. */
  readonly onFailed: (error: ErrorData) => void
}

export interface HeldSlice {
  readonly epoch: number
  /** It is held without a seat: to take one over, or to compute others' work again. */
  readonly isSpare: boolean
  /** Null until it is loaded. */
  engine(): Engine | null
  /** The ways to the other members, where they have changed. */
  renewRoutes(routes: readonly AssignedRoute[]): void
  submit(job: RequestJob): void
  cancel(requestId: string): void
  pause(): void
  resume(): void
  /** Ends its requests, stops what is under way, and waits for it. The engine stays on the shelf. Idempotent. */
  close(): Promise<void>
}

export function holdSlice(host: SliceHost, assignment: Assignment | Preparation): HeldSlice {
  const { powers, transport, shelf, box, send, offer, engineKind } = host
  const { clock } = powers
  const { epoch, maxContext, kvBudgetBytes } = assignment
  const { layers, seat, seats } = placeOf(assignment)
  const abort = new AbortController()
  const cleanups: (() => void)[] = []
  let load: SliceLoad | null = null
  let engine: Engine | null = null
  let served: ServedSeat | null = null
  let ticks = 0

  async function run(): Promise<void> {
    const { model, manifestSha256 } = offer
    const label = { model, manifestSha256, engineKind, layers, kvBudgetBytes, maxContext }
    let found = shelf.find(label)
    box.set({ ...noSlice, status: found ? 'linking' : 'downloading', layers, seat, seats, error: null })
    transport.setRoutes({ epoch, routes: assignment.routes })
    cleanups.push(
      transport.onLink(event => {
        const known = box.get().links.find(link => link.peer === event.peer)
        const kind = transport.links().find(link => link.peer === event.peer)?.kind
        // Later measurements wait for the tick: the desk hears of each way's first at once.
        if (event.type !== 'link-measured' || known?.rttMs == null || known.kind !== kind) reportLinks()
      }),
    )
    cleanups.push(repeat(tick))
    if (found === null) {
      // Of links that stayed open nothing more will be told.
      if (transport.links().some(({ isOpen }) => isOpen)) reportLinks()
      await shelf.clear()
      abort.signal.throwIfAborted()
      load = loadSlice({ ...host, assignment, layers, signal: abort.signal, onPhase: reportProgress })
      found = await load.finished
      shelf.put(label, found)
    }
    abort.signal.throwIfAborted()
    begin(found)
  }

  function begin(loaded: Engine): void {
    engine = loaded
    if (assignment.type === 'assign-slice') served = serveSeat(host, assignment, loaded)
    cleanups.push(powers.holdAwake())
    send({ type: 'slice-ready', epoch, layers, kvBudgetBytes, maxContext })
    reportLinks()
  }

  function reportProgress(): void {
    if (load !== null) send({ type: 'slice-progressed', epoch, layers, ...load.progress() })
  }

  function reportLinks(): void {
    const links = transport
      .links()
      .map(({ peer, kind, isOpen, rttMs, bytesPerSecond }) => ({ peer, kind, isOpen, rttMs, bytesPerSecond }))
    send({ type: 'links-reported', epoch, links })
    box.set({ links })
    if (engine === null) return
    if (served === null) box.set({ status: 'standing-by' })
    else box.set({ status: served.isLinked(links) ? 'serving' : 'linking' })
  }

  function tick(): void {
    ticks += 1
    if (engine === null) {
      reportProgress()
      return
    }
    if (ticks % linksEveryTicks === 0) reportLinks()
    const memory = engine.memory()
    const weightsBytes = Math.round(memory.weightsBytes)
    const kvBytes = Math.round(memory.kvBytes)
    const work = served?.figures() ?? { requests: 0, tokensServed: box.get().tokensServed, computeMs: null }
    box.set({ ...work, weightsBytes, kvBytes, keptBytes: Math.round(memory.keptBytes) })
    send({
      type: 'stats-reported',
      requests: work.requests,
      tokensServed: work.tokensServed,
      weightsBytes,
      kvBytes,
      stepMs: work.computeMs,
      isHidden: powers.isHidden(),
    })
  }

  /** Every second, until the returned function is called. */
  function repeat(task: () => void): () => void {
    let cancel = (): void => {}
    const again = (): void => {
      cancel = clock.schedule(tickMs, () => {
        again()
        task()
      })
    }
    again()
    return () => cancel()
  }

  function cleanUp(): void {
    for (const clean of cleanups.splice(0)) clean()
  }

  const running = run().catch((thrown: unknown) => {
    if (abort.signal.aborted) return
    cleanUp()
    const error = asComputePoolError(thrown, 'engine_failed').toJSON()
    send({ type: 'slice-refused', epoch, layers, error: { ...error, context: { ...error.context } } })
    host.onFailed(error)
  })
  let closing: Promise<void> | null = null

  async function shutDown(): Promise<void> {
    abort.abort(new Error('The slice was given up.'))
    await served?.close()
    await running
    cleanUp()
  }

  return {
    epoch,
    isSpare: assignment.type === 'prepare-slice',
    engine: () => (abort.signal.aborted ? null : engine),
    renewRoutes(routes) {
      if (abort.signal.aborted) return
      transport.setRoutes({ epoch, routes })
      reportLinks()
    },
    submit(job) {
      if (served !== null) served.submit(job)
      else send({ type: 'request-failed', requestId: job.requestId, error: notServing(epoch) })
    },
    cancel: requestId => served?.cancel(requestId),
    pause: () => load?.pause(),
    resume: () => load?.resume(),
    close: () => {
      closing ??= shutDown()
      return closing
    },
  }
}

function placeOf(assignment: Assignment | Preparation) {
  if (assignment.type === 'prepare-slice') return { layers: assignment.layers, seat: null, seats: [] }
  const { seat, seats } = assignment
  return { layers: seats[seat]!.layers, seat, seats }
}

/** For a request of an assignment that is not, or no longer, served here. */
export function notServing(epoch: number) {
  return {
    code: 'swarm_coalition_lost' as const,
    message: `This tab does not serve assignment ${epoch} now.`,
    remedy: 'Send the request again; it will be routed anew.',
    context: { epoch },
  }
}
