/**
 * Performs what `step` decides, with a real engine, transport and clock, and reports back as events. The same shell runs in a tab's
 * worker, in a headless node and in tests; it decides nothing itself.
 */
import { asComputePoolError, ComputePoolError, type ErrorData, errorFromData } from '../errors/index.ts'
import type { Clock, Engine, EngineOutput, EngineRow, Transport } from '../ports/index.ts'
import type { Digest, ReceiptBody } from '../receipts/index.ts'
import { type DeskRequest, decodeFrame, encodeFrame, type Frame, type FrameHeader } from '../wire/index.ts'
import { openPipelineState, type PipelineAct, type PipelineEvent, type RequestState } from './pipeline-state.ts'
import { receiptOf, settleChains } from './request-chains.ts'
import type { RequestJob } from './sampling-params.ts'
import { defaultDeadlines, type SeatConfig } from './seat-config.ts'
import { step } from './step.ts'

/** Keeps what a seat received, and what it drew, for checks; it must not change the payload. */
export interface FrameKeeper {
  received(requestId: string, header: FrameHeader, payload: Uint8Array): void
  /** Exit: rows that its head took, with the header under which its receipt has them. */
  computed(requestId: string, header: Omit<FrameHeader, 'epoch'>, payload: Uint8Array): void
  drew(requestId: string, position: number, tokens: readonly number[]): void
  /** The receipt is due; nothing more is kept. False where it was before: who revives an id gets no second receipt for it. */
  over(requestId: string): boolean
}

/** How often deadlines are looked at while requests are held. */
const tickMs = 1000

export interface PipelineOptions {
  readonly seat: Pick<SeatConfig, 'epoch' | 'seat' | 'seats' | 'hidden' | 'maxContext' | 'maxRequests'> &
    Partial<Pick<SeatConfig, 'chunksInFlight' | 'coalition' | 'maxRows' | 'deadlines' | 'speculate'>>
  readonly engine: Engine
  readonly transport: Transport
  readonly clock: Clock
  /** `request-flowing`, `token-generated`, `request-finished` and `request-failed`, for the orchestrator. */
  readonly report: (message: DeskRequest) => void
  /** What this seat says of a request that is over here, where `seat` names a coalition: to be signed, for the orchestrator. */
  readonly giveReceipt?: (receipt: ReceiptBody) => void
  /** Told of all that the receipts tell of, where `seat` names a coalition. */
  readonly keeper?: FrameKeeper
  /** SHA-256, where the host's is faster than the pure core's. */
  readonly digest?: Digest
  /**
   * One turn of the event loop. Taken between steps that follow each other directly: an engine that computes on this very thread
   * would else never let a cancellation in. Without it, steps follow at once.
   */
  readonly breathe?: () => Promise<void>
  /** A peer broke the protocol and is heard no more: close its link. */
  readonly dropPeer?: (peer: string, error: ErrorData) => void
}

export interface PipelineStats {
  readonly requests: number
  /** Tokens whose rows passed here, as far as a later row has confirmed them. */
  readonly tokensServed: number
  /** Smoothed; null before the first. `lapMs` and `hopMs` are known at the entry only. */
  readonly stepMs: number | null
  readonly lapMs: number | null
  readonly hopMs: number | null
}

export interface Pipeline {
  /** Entry: starts a request; what becomes of it is told to `report`. */
  submit(job: RequestJob): void
  /** Entry: stops a request within one step. Any other seat: gives it up, with its receipt. Unknown ids are fine. */
  cancel(requestId: string): void
  stats(): PipelineStats
  /** Ends every request with `error` (default: the coalition is gone), waits for a running step, and stops listening. Idempotent. */
  close(error?: ErrorData): Promise<void>
}

/** Runs one seat of a coalition until it is closed or its engine is lost. */
export function runPipeline(options: PipelineOptions): Pipeline {
  const { engine, transport, clock } = options
  let state = openPipelineState({
    chunksInFlight: options.seat.seats.length + 1,
    maxRows: engine.facts.maxRows,
    speculate: true,
    deadlines: defaultDeadlines,
    ...options.seat,
    maxChunk: engine.facts.maxChunk,
  })
  let running: Promise<void> = Promise.resolve()
  let isStepEnding = false
  let stopTicking: (() => void) | null = null
  let closing: Promise<void> | null = null
  /** What waits to be sent is aborted when the seat is given up: over a kept link it would go before the next ring's frames. */
  const sends = new Set<AbortController>()

  function dispatch(event: PipelineEvent): void {
    const [next, acts] = step(state, event)
    state = next
    for (const act of acts) perform(act)
    // Last: frames are on their way by now, and the engine has its rows.
    state = settleChains(state, options.digest)
    keepTicking()
  }

  function perform(act: PipelineAct) {
    switch (act.type) {
      case 'run':
        running = runRows(act.rows)
        return
      case 'send':
        void sendFrame(act)
        return
      case 'forget':
        return engine.forget(act.requestId)
      case 'keep':
        return engine.keep(act.requestId)
      case 'report':
        return options.report(act.message)
      case 'receipt':
        return giveReceipt(act.request)
      case 'received':
        return options.keeper?.received(act.requestId, act.header, act.payload)
      case 'computed':
        return options.keeper?.computed(act.requestId, act.header, act.payload)
      case 'drew':
        return options.keeper?.drew(act.requestId, act.position, act.tokens)
      case 'drop-peer':
        return options.dropPeer?.(act.peer, act.error)
    }
  }

  function giveReceipt(request: RequestState): void {
    if (options.keeper?.over(request.requestId) === false) return
    const receipt = receiptOf(state.config, request, options.digest)
    if (receipt !== null) options.giveReceipt?.(receipt)
  }

  async function runRows(rows: readonly EngineRow[]): Promise<void> {
    if (isStepEnding) await options.breathe?.()
    const startedMs = clock.monotonicMs()
    let outcome: EngineOutput[] | ErrorData
    try {
      outcome = await engine.run(rows)
    } catch (thrown) {
      outcome = asComputePoolError(thrown, 'engine_failed').toJSON()
    }
    const nowMs = clock.monotonicMs()
    isStepEnding = true
    if (Array.isArray(outcome))
      dispatch({ type: 'step-finished', outputs: outcome, computeMs: nowMs - startedMs, nowMs })
    else dispatch({ type: 'step-failed', error: outcome, nowMs })
    isStepEnding = false
  }

  async function sendFrame({ to, header, payload }: Extract<PipelineAct, { type: 'send' }>): Promise<void> {
    // One for each: Node warns where many listen to one signal.
    const sending = new AbortController()
    sends.add(sending)
    try {
      await transport.send(to, encodeFrame({ header, payload }), sending.signal)
    } catch (thrown) {
      const error = asComputePoolError(thrown, 'peer_disconnected').toJSON()
      dispatch({ type: 'send-failed', requestId: header.request_id, error, nowMs: clock.monotonicMs() })
    } finally {
      sends.delete(sending)
    }
  }

  function keepTicking(): void {
    const isNeeded = state.requests.size > 0
    if (isNeeded && stopTicking === null)
      stopTicking = clock.schedule(tickMs, () => {
        stopTicking = null
        dispatch({ type: 'ticked', nowMs: clock.monotonicMs() })
      })
    if (!isNeeded) {
      stopTicking?.()
      stopTicking = null
    }
  }

  const stopFrames = transport.onFrame((peer, bytes) => {
    const nowMs = clock.monotonicMs()
    let frame: Frame
    try {
      frame = decodeFrame(bytes)
    } catch (thrown) {
      const error = asComputePoolError(thrown, 'peer_frame_invalid').toJSON()
      return dispatch({ type: 'frame-rejected', peer, error, nowMs })
    }
    dispatch({ type: 'frame-received', peer, frame, nowMs })
  })
  const stopLinks = transport.onLink(event => {
    if (event.type === 'link-opened') dispatch({ type: 'peer-opened', peer: event.peer })
    if (event.type === 'link-closed')
      dispatch({ type: 'peer-closed', peer: event.peer, error: event.error, nowMs: clock.monotonicMs() })
  })
  void engine.lost.then(error => {
    if (closing === null) dispatch({ type: 'seat-closed', error: error.toJSON(), nowMs: clock.monotonicMs() })
  })

  async function shutDown(error: ErrorData): Promise<void> {
    const before = [...sends]
    // Its last words still go.
    dispatch({ type: 'seat-closed', error, nowMs: clock.monotonicMs() })
    for (const sending of before) sending.abort(errorFromData(error))
    stopFrames()
    stopLinks()
    await running
    stopTicking?.()
  }

  return {
    submit: job => dispatch({ type: 'request-submitted', job, nowMs: clock.monotonicMs() }),
    cancel: requestId => dispatch({ type: 'request-cancelled', requestId, nowMs: clock.monotonicMs() }),
    stats: () => ({
      requests: state.requests.size,
      tokensServed: state.tokensServed,
      stepMs: state.stepMs,
      lapMs: state.lapMs,
      hopMs: state.hopMs,
    }),
    close: error => {
      closing ??= shutDown(error ?? seatGivenUp().toJSON())
      return closing
    },
  }
}

function seatGivenUp(): ComputePoolError {
  return new ComputePoolError('swarm_coalition_lost', 'A seat of the coalition was given up.', {
    remedy: 'Send the request again; it will be routed anew.',
  })
}
