/**
 * The requests that run, and those that wait: each is sent to the ring's entry, its tokens are handed on in order, and it ends by
 * its last token, a typed failure, a cancellation or a deadline. It knows no HTTP, no text and no activation.
 */
import { ComputePoolError, errorFromData } from '@computepool/shared/errors'
import type { RequestJob, SampledToken } from '@computepool/shared/pipeline'
import type { Clock, Entropy } from '@computepool/shared/ports'
import type { DeskCommand, DeskRequest, HopTrace } from '@computepool/shared/wire'
import { createEventQueue, type EventQueue } from './event-queue.ts'
import { createKvLedger, reservedPositions } from './kv-ledger.ts'
import type { Ring, RingSeat } from './ring.ts'

export interface RequestLimits {
  /** Requests that run at once, where the seats' caches allow as many. */
  readonly maxRunning: number
  readonly maxQueued: number
  /** Longest silence of a running request; before the first token, the prompt's length adds to it. */
  readonly stallTimeoutMs: number
  /** Longest wait in the queue. */
  readonly queueTimeoutMs: number
}

export type RequestOrder = Omit<RequestJob, 'requestId'>

export type RequestEvent =
  | {
      readonly type: 'token'
      readonly sampled: SampledToken
      readonly lapMs: number
      readonly trace: readonly HopTrace[]
      readonly atMs: number
    }
  | {
      readonly type: 'finished'
      readonly reason: 'stop' | 'length'
      /** What ended it before its end; null where the model did. */
      readonly stoppedBy: CutReason | null
      /** Null where the entry was not asked. */
      readonly directHops: number | null
    }

/** The payer's cap is spent, or its session is over. */
export type CutReason = 'cap' | 'closed'

export type RequestOutcome = 'stop' | 'length' | CutReason | 'cancelled' | 'failed'

/** Hears of a request's work as it happens, whether or not anybody reads its events: what a meter needs. */
export interface RequestObserver {
  /** Once, before the first token: the first activation has left the entry. Monotonic time. */
  onFlowing(requestId: string, atMs: number): void
  onToken(requestId: string, atMs: number): void
  /** Once, whatever ended it; also where it never flowed. */
  onEnded(
    requestId: string,
    end: { readonly atMs: number; readonly tokens: number; readonly outcome: RequestOutcome },
  ): void
}

export interface LiveRequest {
  readonly requestId: string
  /** Monotonic time of submission. */
  readonly submittedAtMs: number
  /** Read once. Throws the ComputePoolError that ended it; leaving early cancels. */
  readonly events: AsyncIterable<RequestEvent>
  /** Who serves it; empty until it runs. */
  seats(): readonly RingSeat[]
  /** Stops the tabs at once; the events end without an error. */
  cancel(): void
  /** The payer's money ends here: stops the tabs at once, and the events end as finished, with the reason. */
  cutShort(by: CutReason): void
}

export interface Lap {
  readonly requestId: string
  readonly lapMs: number
  readonly trace: readonly HopTrace[]
}

export interface RequestTableOptions {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly limits: RequestLimits
  readonly vocab: number
  readonly send: (peer: string, command: DeskCommand) => void
  readonly onLap: (lap: Lap) => void
  readonly onChange: () => void
}

export interface RequestTable {
  /**
   * Where no ring is there the request waits for one if `whyNoRing` is null. Errors: `swarm_layers_missing` with `whyNoRing`,
   * `swarm_busy`.
   */
  submit(order: RequestOrder, whyNoRing: string | null, observer?: RequestObserver): LiveRequest
  /** Errors: `swarm_layers_missing` with `whyNoRing`, unless that is null. */
  requireRing(whyNoRing: string | null): void
  /** The ring that new requests run on; null while there is none. Waiting requests start. */
  setRing(ring: Ring | null): void
  /** Fails every running request of that assignment. */
  failEpoch(epoch: number, error: ComputePoolError): void
  heard(peer: string, request: DeskRequest): void
  running(): number
  queued(): number
  /** Fails everything, at the end. */
  close(error: ComputePoolError): void
}

/** What a slow tab may take for each token of a prompt, before its silence counts as a stall. */
const prefillMsPerToken = 100

interface Entry {
  readonly id: string
  readonly order: RequestOrder
  readonly queue: EventQueue<RequestEvent>
  readonly observer: RequestObserver | undefined
  isFlowing: boolean
  ring: Ring | null
  nextIndex: number
  cancelDeadline: () => void
}

export function createRequestTable(options: RequestTableOptions): RequestTable {
  const { clock, entropy, limits, vocab, send, onLap, onChange } = options
  const running = new Map<string, Entry>()
  const waiting = new Map<string, Entry>()
  const ledger = createKvLedger()
  let ring: Ring | null = null

  const settle = (entry: Entry, outcome: RequestOutcome, error?: ComputePoolError): void => {
    if (!running.delete(entry.id) && !waiting.delete(entry.id)) return
    entry.cancelDeadline()
    ledger.release(entry.id)
    entry.observer?.onEnded(entry.id, { atMs: clock.monotonicMs(), tokens: entry.nextIndex, outcome })
    entry.queue.end(error)
    startWaiting()
    onChange()
  }

  const stop = (entry: Entry, outcome: RequestOutcome, error?: ComputePoolError): void => {
    if (running.has(entry.id)) send(entry.ring!.seats[0]!.peer, { type: 'cancel-request', requestId: entry.id })
    settle(entry, outcome, error)
  }

  const flow = (entry: Entry): void => {
    if (entry.isFlowing) return
    entry.isFlowing = true
    entry.observer?.onFlowing(entry.id, clock.monotonicMs())
  }

  const watch = (entry: Entry, delayMs: number, onLate: () => void): void => {
    entry.cancelDeadline()
    entry.cancelDeadline = clock.schedule(delayMs, onLate)
  }

  const watchStall = (entry: Entry): void => {
    const prefillMs = entry.nextIndex === 0 ? entry.order.promptTokens.length * prefillMsPerToken : 0
    const silenceMs = limits.stallTimeoutMs + prefillMs
    watch(entry, silenceMs, () => {
      const seconds = Math.round(silenceMs / 1000)
      const message = `The tabs sent no token for ${seconds} s (${entry.nextIndex} tokens had come).`
      stop(
        entry,
        'failed',
        new ComputePoolError('peer_timed_out', message, {
          remedy: 'Send the request again; a tab in the background may be throttled by its browser.',
          context: { requestId: entry.id, tokens: entry.nextIndex },
        }),
      )
    })
  }

  const fits = (current: Ring, order: RequestOrder): boolean =>
    running.size < limits.maxRunning && ledger.fits(current, positionsOf(order, current))

  const start = (entry: Entry, current: Ring): void => {
    waiting.delete(entry.id)
    running.set(entry.id, entry)
    entry.ring = current
    ledger.reserve(entry.id, positionsOf(entry.order, current))
    watchStall(entry)
    const job = { requestId: entry.id, ...entry.order }
    send(current.seats[0]!.peer, { type: 'run-request', epoch: current.epoch, job })
  }

  // First come, first served: a small request does not overtake a large one, which would starve it.
  const startWaiting = (): void => {
    for (const entry of waiting.values()) {
      if (ring === null || !fits(ring, entry.order)) return
      start(entry, ring)
    }
  }

  const requireRing: RequestTable['requireRing'] = whyNoRing => {
    if (ring !== null || whyNoRing === null) return
    throw new ComputePoolError('swarm_layers_missing', whyNoRing, {
      remedy: 'Open the operator page in another tab, or try again shortly.',
      context: { retryAfterSeconds: 5 },
    })
  }

  const submit: RequestTable['submit'] = (order, whyNoRing, observer) => {
    requireRing(whyNoRing)
    const current = ring
    const canRun = current !== null && waiting.size === 0 && fits(current, order)
    if (!canRun && waiting.size >= limits.maxQueued) {
      const message = `${running.size} requests run and ${waiting.size} wait; the queue is full.`
      throw new ComputePoolError('swarm_busy', message, {
        remedy: 'Try again after the time in Retry-After.',
        context: { retryAfterSeconds: 5 },
      })
    }
    const id = [...entropy.bytes(12)].map(byte => byte.toString(16).padStart(2, '0')).join('')
    const queue = createEventQueue<RequestEvent>(() => stop(entry, 'cancelled'))
    const started = { isFlowing: false, ring: null, nextIndex: 0, cancelDeadline: () => {} }
    const entry: Entry = { id, order, queue, observer, ...started }
    waiting.set(id, entry)
    watch(entry, limits.queueTimeoutMs, () => {
      const message = `The request waited ${limits.queueTimeoutMs / 1000} s for a free place.`
      const context = { retryAfterSeconds: 10 }
      settle(entry, 'failed', new ComputePoolError('swarm_busy', message, { remedy: 'Try again later.', context }))
    })
    if (canRun) start(entry, current)
    onChange()
    return {
      requestId: id,
      submittedAtMs: clock.monotonicMs(),
      events: queue,
      seats: () => entry.ring?.seats ?? [],
      cancel: () => stop(entry, 'cancelled'),
      cutShort: by => {
        queue.push({ type: 'finished', reason: 'length', stoppedBy: by, directHops: null })
        stop(entry, by)
      },
    }
  }

  const heardToken = (entry: Entry, said: Extract<DeskRequest, { type: 'token-generated' }>): void => {
    if (said.index < entry.nextIndex) return
    const isSane = said.index === entry.nextIndex && said.index < entry.order.maxTokens && said.sampled.token < vocab
    if (!isSane) {
      const message = `The entry tab sent token ${said.sampled.token} as number ${said.index} where number ${entry.nextIndex} of at most ${entry.order.maxTokens} was due.`
      const error = new ComputePoolError('peer_message_invalid', message, { remedy: 'Send the request again.' })
      stop(entry, 'failed', error)
      return
    }
    flow(entry)
    entry.nextIndex++
    watchStall(entry)
    const { sampled, lapMs, trace } = said
    const atMs = clock.monotonicMs()
    entry.queue.push({ type: 'token', sampled, lapMs, trace, atMs })
    onLap({ requestId: entry.id, lapMs, trace })
    // Last: it may cut the request short, and the token that it was told of is part of the answer.
    entry.observer?.onToken(entry.id, atMs)
  }

  const heard: RequestTable['heard'] = (peer, said) => {
    if (!('requestId' in said)) return
    const entry = running.get(said.requestId)
    // Not of this table, over already, or not from its entry: nothing to do with it.
    if (entry === undefined || entry.ring?.seats[0]?.peer !== peer) return
    if (said.type === 'request-flowing') return flow(entry)
    if (said.type === 'token-generated') return heardToken(entry, said)
    if (said.type === 'request-failed') return settle(entry, 'failed', errorFromData(said.error))
    if (said.type !== 'request-finished') return
    if (said.reason === 'cancelled') {
      const error = new ComputePoolError('peer_disconnected', 'The entry tab stopped the answer on its own account.', {
        remedy: 'Send the request again.',
      })
      return settle(entry, 'failed', error)
    }
    entry.queue.push({ type: 'finished', reason: said.reason, stoppedBy: null, directHops: said.directHops })
    settle(entry, said.reason)
  }

  return {
    submit,
    requireRing,
    heard,
    setRing: next => {
      if (ring === next) return
      ring = next
      startWaiting()
    },
    failEpoch: (epoch, error) => {
      for (const entry of [...running.values()]) if (entry.ring?.epoch === epoch) stop(entry, 'failed', error)
    },
    running: () => running.size,
    queued: () => waiting.size,
    close: error => {
      ring = null
      for (const entry of [...waiting.values(), ...running.values()]) stop(entry, 'failed', error)
    },
  }
}

const positionsOf = (order: RequestOrder, ring: Ring): number =>
  reservedPositions(order.promptTokens.length + order.maxTokens, ring.maxContext)
