/**
 * One assignment, from its first byte to its last request: download, load, prove, link, serve. It knows the desk's words and the
 * pipeline's door, not the page and not how a socket works.
 */

import { activationElementBytes } from '@computepool/shared/engine'
import { asComputePoolError, type ErrorData } from '@computepool/shared/errors'
import { type FileRef, type Manifest, partsFor } from '@computepool/shared/model'
import {
  type Pipeline,
  type RequestJob,
  requestsWithinBudget,
  ringPlace,
  runPipeline,
} from '@computepool/shared/pipeline'
import type { Engine, EngineKind } from '@computepool/shared/ports'
import type { DeskRequest } from '@computepool/shared/wire'
import { downloadSlice, type SliceDownload } from '../artifacts/download-slice.ts'
import type { VerifiedStore } from '../artifacts/verified-store.ts'
import type { EngineShelf } from './engine-shelf.ts'
import { createRateMeter } from './rate-meter.ts'
import { noSlice, type SnapshotBox } from './snapshot-box.ts'
import type { Assignment, Offer, TabPowers, TabTransport } from './tab-powers.ts'

const tickMs = 1000

export interface SliceHost {
  readonly powers: TabPowers
  readonly self: string
  readonly offer: Offer
  readonly packUrl: string
  readonly manifest: Manifest
  readonly engineKind: EngineKind
  readonly store: VerifiedStore
  readonly transport: TabTransport
  readonly shelf: EngineShelf
  readonly box: SnapshotBox
  readonly send: (request: DeskRequest) => void
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

type Phase = Extract<DeskRequest, { type: 'slice-progressed' }>['phase']

export function holdSlice(host: SliceHost, assignment: Assignment): HeldSlice {
  const { powers, self, manifest, transport, box, send } = host
  const { clock } = powers
  const { epoch, seat, seats, maxContext, kvBudgetBytes } = assignment
  const layers = seats[seat]!.layers
  const place = ringPlace(assignment)
  const abort = new AbortController()
  const cleanups: (() => void)[] = []
  let download: SliceDownload | null = null
  let pipeline: Pipeline | null = null
  let engine: Engine | null = null
  let progress: { phase: Phase; doneBytes: number; totalBytes: number } = {
    phase: 'downloading',
    doneBytes: 0,
    totalBytes: 0,
  }

  async function run(): Promise<void> {
    box.set({ ...noSlice, status: 'downloading', layers, seat, seats, error: null })
    transport.setPeers({
      epoch,
      peers: seats.map(member => member.peer).filter(peer => peer !== self),
      iceServers: host.offer.iceServers,
    })
    cleanups.push(transport.onLink(() => reportLinks()))
    every(tickMs, tick)
    const key = JSON.stringify([host.offer.manifestSha256, host.engineKind, layers, kvBudgetBytes, maxContext])
    engine = host.shelf.take(key)
    if (engine === null) {
      await host.shelf.clear()
      engine = await load()
      host.shelf.put(key, engine)
    }
    abort.signal.throwIfAborted()
    serve(engine)
  }

  async function load(): Promise<Engine> {
    const parts = partsFor(manifest, layers)
    download = downloadSlice({
      store: host.store,
      packUrl: host.packUrl,
      manifest,
      parts,
      clock,
      signal: abort.signal,
      onChange: now => {
        progress = { phase: 'downloading', doneBytes: now.doneBytes, totalBytes: now.totalBytes }
        if (!abort.signal.aborted)
          box.set({
            status: now.isPaused ? 'paused' : 'downloading',
            parts: now.parts,
            downloadBytesPerSecond: now.bytesPerSecond,
          })
      },
    })
    const source = await download.finished
    abort.signal.throwIfAborted()
    box.set({ status: 'loading', downloadBytesPerSecond: null })
    const total = parts.reduce((sum, part) => sum + part.sizeBytes, 0)
    enter('loading', total)
    const opened = await powers.openEngine(host.engineKind, {
      manifest,
      layers,
      parts: source,
      kvBudgetBytes,
      maxContext,
      onProgress: (doneBytes, totalBytes) => {
        progress = { phase: 'loading', doneBytes: Math.round(doneBytes), totalBytes: Math.round(totalBytes) }
      },
    })
    try {
      abort.signal.throwIfAborted()
      box.set({ status: 'testing' })
      enter('testing', total)
      await powers.selfTest({ engine: opened, manifest, layers, readFile })
      abort.signal.throwIfAborted()
      return opened
    } catch (thrown) {
      await opened.close()
      throw thrown
    }
  }

  /** Tells the desk at once: it gives up on a tab that says nothing, and a load can block this thread for long. */
  function enter(phase: Phase, totalBytes: number): void {
    progress = { phase, doneBytes: 0, totalBytes }
    send({ type: 'slice-progressed', epoch, ...progress })
  }

  async function readFile(file: FileRef): Promise<Uint8Array> {
    await host.store.obtain(file, { url: new URL(file.path, host.packUrl).href, signal: abort.signal })
    const reader = await host.store.open(file)
    try {
      return await reader.read(0, file.sizeBytes)
    } finally {
      await reader.close()
    }
  }

  function serve(loaded: Engine): void {
    const elementBytes = activationElementBytes(loaded.facts.activationDtype)
    pipeline = runPipeline({
      seat: {
        epoch,
        seat,
        seats,
        hidden: manifest.dimensions.hidden,
        maxContext,
        maxRequests: requestsWithinBudget({
          layers,
          dimensions: manifest.dimensions,
          maxContext,
          kvBudgetBytes,
          elementBytes,
        }),
      },
      engine: loaded,
      transport,
      clock,
      report: send,
      breathe: powers.breathe,
      dropPeer: (peer, error) => {
        transport.dropPeer(peer)
        box.set({ error })
      },
    })
    void loaded.lost.then(error => {
      if (!abort.signal.aborted) powers.onEngineLost(error.toJSON())
    })
    box.set({ status: 'linking' })
    cleanups.push(powers.holdAwake())
    send({ type: 'slice-ready', epoch, kvBudgetBytes, maxContext })
    reportLinks()
  }

  function reportLinks(): void {
    const links = transport.links().map(({ peer, kind, isOpen, rttMs }) => ({ peer, kind, isOpen, rttMs }))
    send({ type: 'links-reported', epoch, links })
    box.set({ links })
    if (pipeline === null) return
    const { previous, next, entry, exit, isEntry, isExit } = place
    const needed = [previous, next, isExit ? entry : null, isEntry ? exit : null]
    const isLinked = needed.every(
      peer => peer === null || peer === self || links.some(link => link.peer === peer && link.isOpen),
    )
    box.set({ status: isLinked ? 'serving' : 'linking' })
  }

  const rate = createRateMeter()
  let ticks = 0
  function tick(): void {
    ticks += 1
    if (pipeline === null || engine === null) {
      send({ type: 'slice-progressed', epoch, ...progress })
      return
    }
    // Round trips change slowly; the desk plans with them.
    if (ticks % 5 === 0) reportLinks()
    const stats = pipeline.stats()
    const memory = engine.memory()
    const onward = transport.links().find(link => link.peer === (place.next ?? place.entry))
    rate.count(clock.monotonicMs(), stats.tokensServed)
    box.set({
      requests: stats.requests,
      tokensServed: stats.tokensServed,
      tokensPerSecond: rate.perSecond(),
      computeMs: stats.stepMs,
      // Only the entry measures a lap; half a round trip is what the others know.
      hopMs: stats.hopMs ?? (onward?.rttMs == null ? null : onward.rttMs / 2),
      weightsBytes: memory.weightsBytes,
      kvBytes: memory.kvBytes,
    })
    send({
      type: 'stats-reported',
      requests: stats.requests,
      stepMs: stats.stepMs,
      weightsBytes: Math.round(memory.weightsBytes),
      kvBytes: Math.round(memory.kvBytes),
      tokensServed: stats.tokensServed,
      isHidden: powers.isHidden(),
    })
  }

  function every(periodMs: number, task: () => void): void {
    let cancel = (): void => {}
    const again = (): void => {
      cancel = clock.schedule(periodMs, () => {
        again()
        task()
      })
    }
    again()
    cleanups.push(() => cancel())
  }

  const running = run().catch((thrown: unknown) => {
    if (abort.signal.aborted) return
    const error: ErrorData = asComputePoolError(thrown, 'engine_failed').toJSON()
    send({ type: 'slice-refused', epoch, error: { ...error, context: { ...error.context } } })
    box.set({ status: 'failed', error, downloadBytesPerSecond: null })
    for (const clean of cleanups.splice(0)) clean()
  })
  let closing: Promise<void> | null = null

  async function shutDown(): Promise<void> {
    abort.abort(new Error('The slice was given up.'))
    await pipeline?.close()
    await running
    for (const clean of cleanups.splice(0)) clean()
  }

  return {
    epoch,
    submit(job) {
      if (pipeline !== null) pipeline.submit(job)
      else send({ type: 'request-failed', requestId: job.requestId, error: notServing() })
    },
    cancel: requestId => pipeline?.cancel(requestId),
    pause: () => download?.pause(),
    resume: () => download?.resume(),
    close: () => {
      closing ??= shutDown()
      return closing
    },
  }
}

function notServing() {
  return {
    code: 'swarm_coalition_lost' as const,
    message: 'The entry is not serving this assignment.',
    remedy: 'Send the request again; it will be routed anew.',
    context: {},
  }
}
