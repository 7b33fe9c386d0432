/**
 * What a seat keeps of a request for its receipt: a chain over what came and one over what it sent, each noted where it comes and goes.
 * Hashing is put off until the turn's frames and steps are under way (`settleChains`). It signs nothing.
 */
import { activationRows } from '../engine/index.ts'
import type { Activation } from '../ports/index.ts'
import {
  createReceiptChain,
  type Digest,
  extend,
  headOf,
  linkOfFrame,
  linkOfText,
  linksOfTokens,
  type ReceiptBody,
  type ReceiptChain,
  recentOf,
  settleChain,
  sketchOf,
} from '../receipts/index.ts'
import type { FrameHeader } from '../wire/index.ts'
import type { PipelineState, RequestState } from './pipeline-state.ts'
import type { RequestJob } from './sampling-params.ts'
import type { SeatConfig } from './seat-config.ts'

export interface RequestChains {
  readonly incoming: ReceiptChain
  readonly outgoing: ReceiptChain
  /** Exit: over the rows that its head took, as if they had been sent on. */
  readonly rows: ReceiptChain
  /** The last row of activations that was sent. */
  readonly lastRow: Activation | null
  /** Exit: the last answer. */
  readonly lastTokens: readonly number[]
  /** The last frame that was sent had a token drawn: what is sent next is sent because that came back. */
  readonly wasSampled: boolean
}

/** Null in a ring that keeps no receipts. `job`: at the entry. */
export function openChains(config: SeatConfig, requestId: string, job: RequestJob | null): RequestChains | null {
  const { coalition, epoch } = config
  if (coalition === undefined) return null
  const begun = createReceiptChain({ coalition, epoch, requestId })
  const nothing = { outgoing: begun, rows: begun, lastRow: null, lastTokens: [], wasSampled: false }
  if (job === null) return { ...nothing, incoming: begun }
  const text = [...job.promptTokens, ...(job.generatedTokens ?? [])]
  return { ...nothing, incoming: extend(begun, linkOfText(text, job.reuse?.positions ?? 0)) }
}

/** A frame of activations came, and its turn. */
export function noteReceived(
  chains: RequestChains | null,
  header: FrameHeader,
  payload: Uint8Array,
): RequestChains | null {
  return chains && { ...chains, incoming: extend(chains.incoming, linkOfFrame(header, payload)) }
}

/** Activations go to the next seat in a frame with this header. */
export function noteSent(
  chains: RequestChains | null,
  header: Omit<FrameHeader, 'epoch'>,
  activation: Activation,
): RequestChains | null {
  if (chains === null) return null
  const last = activationRows(activation, activation.tokens - 1, activation.tokens)
  return {
    ...chains,
    outgoing: extend(chains.outgoing, { ...linkOfFrame(header, activation.data), isAnswer: chains.wasSampled }),
    // A copy: the frame's other rows need not be kept for it.
    lastRow: { ...last, data: last.data.slice() },
    wasSampled: header.sample === true,
  }
}

/** The exit's head took these rows; the header is that of a frame which would have brought them to a seat behind. */
export function noteRows(
  chains: RequestChains | null,
  header: Omit<FrameHeader, 'epoch'>,
  rows: Activation,
): RequestChains | null {
  if (chains === null) return null
  const last = activationRows(rows, rows.tokens - 1, rows.tokens)
  return {
    ...chains,
    // Nobody is sent them, so nobody stopped before the last: earlier heads are not remembered.
    rows: extend(chains.rows, { ...linkOfFrame(header, rows.data), isAnswer: true }),
    lastRow: { ...last, data: last.data.slice() },
  }
}

/** The exit drew these. */
export function noteDrawn(chains: RequestChains | null, tokens: readonly number[]): RequestChains | null {
  if (chains === null) return null
  const { outgoing } = chains
  return { ...chains, outgoing: extend(outgoing, ...linksOfTokens(tokens, outgoing.steps)), lastTokens: tokens }
}

/** The entry told the desk these tokens. */
export function noteTold(chains: RequestChains | null, tokens: readonly number[]): RequestChains | null {
  if (chains === null) return null
  const { incoming } = chains
  // The first link is the text.
  return { ...chains, incoming: extend(incoming, ...linksOfTokens(tokens, incoming.steps - 1)) }
}

/** Hashes what this turn brought. Pure: the state that was given stays as it was. */
export function settleChains(state: PipelineState, digest?: Digest): PipelineState {
  let requests: Map<string, RequestState> | null = null
  for (const request of state.requests.values()) {
    const { chains } = request
    if (chains === null) continue
    const [incoming, outgoing, rows] = [chains.incoming, chains.outgoing, chains.rows].map(chain =>
      settleChain(chain, digest),
    ) as [ReceiptChain, ReceiptChain, ReceiptChain]
    if (incoming === chains.incoming && outgoing === chains.outgoing && rows === chains.rows) continue
    requests ??= new Map(state.requests)
    requests.set(request.requestId, { ...request, chains: { ...chains, incoming, outgoing, rows } })
  }
  return requests === null ? state : { ...state, requests }
}

/** What the seat says of a request that is over here; null in a ring that keeps no receipts. */
export function receiptOf(config: SeatConfig, { requestId, chains, nonce }: RequestState): ReceiptBody | null {
  const { coalition, epoch, seat, seats } = config
  if (chains === null || coalition === undefined) return null
  const { incoming, outgoing, rows, lastRow, lastTokens } = chains
  const isExit = seat === seats.length - 1
  return {
    coalition,
    epoch,
    requestId,
    seat,
    layers: seats[seat]!.layers,
    inSteps: incoming.steps,
    outSteps: outgoing.steps,
    inHead: headOf(incoming),
    outHead: headOf(outgoing),
    rowSteps: rows.steps,
    rowHead: rows.steps === 0 ? '' : headOf(rows),
    recent: isExit ? '' : recentOf(outgoing),
    lastTokens: [...lastTokens],
    sketch: lastRow === null || nonce === '' ? '' : sketchOf(lastRow, nonce),
    nonce,
  }
}
