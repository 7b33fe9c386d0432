/**
 * One assignment, from its first byte to its last request: load, link, serve, report. It knows the desk's words and the pipeline's
 * door, not the page and not how a socket works.
 */
import { activationElementBytes } from '@computepool/shared/engine'
import { asComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { Manifest } from '@computepool/shared/model'
import {
  type Pipeline,
  type RequestJob,
  requestsWithinBudget,
  ringPlace,
  runPipeline,
} from '@computepool/shared/pipeline'
import type { Engine, EngineKind } from '@computepool/shared/ports'
import type { DeskRequest } from '@computepool/shared/wire'
import type { VerifiedStore } from '../artifacts/verified-store.ts'
import type { EngineShelf } from './engine-shelf.ts'
import { loadSlice, type SliceLoad } from './load-slice.ts'
import type { Assignment, Offer, PeerPowers, PeerTransport } from './peer-powers.ts'
import { createRateMeter } from './rate-meter.ts'
import { noSlice, type SnapshotBox } from './snapshot-box.ts'

const tickMs = 1000
/** Round trips change slowly; the desk plans with them. */
const linksEveryTicks = 5

export interface SliceHost {
  readonly powers: PeerPowers
  readonly self: string
  readonly offer: Offer
  readonly packUrl: string
  readonly manifest: Manifest
  readonly engineKind: EngineKind
  readonly store: VerifiedStore
  readonly transport: PeerTransport
  readonly shelf: EngineShelf
  readonly box: SnapshotBox
  readonly send: (request: DeskRequest) => void
  /** The slice was refused: the desk has heard why. */
  readonly onFailed: (error: ErrorData) => void
}

export interface HeldSlice {
  readonly epoch: number
  submit(job: RequestJob): void
  cancel(requestId: string): void
  pause(): void
  resume(): void
  /** Ends its requests, stops what is under way, and waits for it. The engine stays on the shelf. Idempotent. */
  close(): Promise<void>
}

export function holdSlice(host: SliceHost, assignment: Assignment): HeldSlice {
  const { powers, self, manifest, transport, shelf, box, send } = host
  const { clock } = powers
  const { epoch, seat, seats, maxContext, kvBudgetBytes } = assignment
  const layers = seats[seat]!.layers
  const place = ringPlace(assignment)
  const abort = new AbortController()
  const cleanups: (() => void)[] = []
  const rate = createRateMeter()
  const servedBefore = box.get().tokensServed
  let load: SliceLoad | null = null
  let serving: { readonly pipeline: Pipeline; readonly engine: Engine } | null = null
  let ticks = 0

  async function run(): Promise<void> {
    box.set({ ...noSlice, status: 'downloading', layers, seat, seats, error: null })
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
    const key = JSON.stringify([host.offer.manifestSha256, host.engineKind, layers, kvBudgetBytes, maxContext])
    let engine = shelf.take(key)
    if (engine === null) {
      await shelf.clear()
      abort.signal.throwIfAborted()
      load = loadSlice({ ...host, assignment, layers, signal: abort.signal, onPhase: reportProgress })
      engine = await load.finished
      shelf.put(key, engine)
    }
    abort.signal.throwIfAborted()
    serve(engine)
  }

  function serve(engine: Engine): void {
    const elementBytes = activationElementBytes(engine.facts.activationDtype)
    const { dimensions } = manifest
    const maxRequests = requestsWithinBudget({ layers, dimensions, maxContext, kvBudgetBytes, elementBytes })
    const pipeline = runPipeline({
      seat: { epoch, seat, seats, hidden: dimensions.hidden, maxContext, maxRequests },
      engine,
      transport,
      clock,
      report: send,
      breathe: powers.breathe,
      dropPeer: (peer, error) => {
        transport.dropPeer(peer)
        box.set({ error })
      },
    })
    void engine.lost.then(error => {
      if (!abort.signal.aborted) powers.onEngineLost(error.toJSON())
    })
    serving = { pipeline, engine }
    cleanups.push(powers.holdAwake())
    send({ type: 'slice-ready', epoch, kvBudgetBytes, maxContext })
    reportLinks()
  }

  function reportProgress(): void {
    if (load !== null) send({ type: 'slice-progressed', epoch, ...load.progress() })
  }

  function reportLinks(): void {
    const links = transport
      .links()
      .map(({ peer, kind, isOpen, rttMs, bytesPerSecond }) => ({ peer, kind, isOpen, rttMs, bytesPerSecond }))
    send({ type: 'links-reported', epoch, links })
    box.set({ links })
    if (serving === null) return
    const needed = [place.previous ?? place.exit, place.next ?? place.entry].filter(peer => peer !== self)
    const isLinked = needed.every(peer => links.some(link => link.peer === peer && link.isOpen))
    box.set({ status: isLinked ? 'serving' : 'linking' })
  }

  function tick(): void {
    ticks += 1
    if (serving === null) {
      reportProgress()
      return
    }
    if (ticks % linksEveryTicks === 0) reportLinks()
    const stats = serving.pipeline.stats()
    const memory = serving.engine.memory()
    const tokensServed = servedBefore + stats.tokensServed
    const onward = transport.links().find(link => link.peer === (place.next ?? place.entry))
    rate.count(clock.monotonicMs(), tokensServed)
    const figures = {
      requests: stats.requests,
      tokensServed,
      weightsBytes: Math.round(memory.weightsBytes),
      kvBytes: Math.round(memory.kvBytes),
    }
    box.set({
      ...figures,
      tokensPerSecond: rate.perSecond(),
      computeMs: stats.stepMs,
      // Only the entry measures a lap; half a round trip is what the others know.
      hopMs: stats.hopMs ?? (onward?.rttMs == null ? null : onward.rttMs / 2),
    })
    send({ type: 'stats-reported', ...figures, stepMs: stats.stepMs, isHidden: powers.isHidden() })
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
    send({ type: 'slice-refused', epoch, error: { ...error, context: { ...error.context } } })
    host.onFailed(error)
  })
  let closing: Promise<void> | null = null

  async function shutDown(): Promise<void> {
    abort.abort(new Error('The slice was given up.'))
    await serving?.pipeline.close()
    await running
    cleanUp()
  }

  return {
    epoch,
    submit(job) {
      if (serving !== null) serving.pipeline.submit(job)
      else send({ type: 'request-failed', requestId: job.requestId, error: notServing(epoch) })
    },
    cancel: requestId => serving?.pipeline.cancel(requestId),
    pause: () => load?.pause(),
    resume: () => load?.resume(),
    close: () => {
      closing ??= shutDown()
      return closing
    },
  }
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
