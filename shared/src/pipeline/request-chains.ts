/**
 * What a seat keeps of a request for its receipt: a chain over what came and one over what it sent. What comes and goes is only written down in its
 * turn; links are made and hashed later, many at once (`settleChains`). It signs nothing.
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
  type ReceiptLink,
  recentOf,
  settleChain,
  sketchOf,
} from '../receipts/index.ts'
import type { FrameHeader } from '../wire/index.ts'
import type { PipelineState, RequestState } from './pipeline-state.ts'
import type { RequestJob } from './sampling-params.ts'
import type { SeatConfig } from './seat-config.ts'

type HeaderOfLink = Omit<FrameHeader, 'epoch'>

/** What a receipt will tell of, in the order in which it came about. No payload changes any more. */
type Note =
  | { readonly type: 'received'; readonly header: HeaderOfLink; readonly payload: Uint8Array }
  | { readonly type: 'sent' | 'computed'; readonly header: HeaderOfLink; readonly activation: Activation }
  | { readonly type: 'drawn' | 'told'; readonly tokens: readonly number[] }

/** The latest note, with those before it. */
interface Notes {
  readonly note: Note
  readonly before: Notes | null
  /** Of all of them. */
  readonly count: number
  readonly sizeBytes: number
}

interface Chains {
  readonly incoming: ReceiptChain
  readonly outgoing: ReceiptChain
  /** Exit: over the rows that its head took, as if they had been sent on. */
  readonly rows: ReceiptChain
  /** The last row of activations that was sent, or taken by the head. */
  readonly lastRow: Activation | null
  /** Exit: the last answer. */
  readonly lastTokens: readonly number[]
  /** The last frame that was sent had a token drawn: what is sent next is sent because that came back. */
  readonly wasSampled: boolean
}

export interface RequestChains {
  /** Without what is noted. */
  readonly chains: Chains
  readonly notes: Notes | null
  /** Exit: links over the rows that its head took, with those that are noted. */
  readonly rowSteps: number
}

/**
 * Notes that wait, and bytes that they may keep from being freed. An engine's step leaves nothing of this in the processor's caches: some twenty links at
 * once cost a third of what they cost one by one (docs/decisions/receipts.md).
 */
const mostNotes = 48
const mostNotedBytes = 256 * 1024

/** Null in a ring that keeps no receipts. `job`: at the entry. */
export function openChains(config: SeatConfig, requestId: string, job: RequestJob | null): RequestChains | null {
  const { coalition, epoch } = config
  if (coalition === undefined) return null
  const begun = createReceiptChain({ coalition, epoch, requestId })
  const incoming = job === null ? begun : extend(begun, linkOfText(textOf(job), job.reuse?.positions ?? 0))
  const chains = { incoming, outgoing: begun, rows: begun, lastRow: null, lastTokens: [], wasSampled: false }
  return { chains, notes: null, rowSteps: 0 }
}

const textOf = ({ promptTokens, generatedTokens = [] }: RequestJob) => [...promptTokens, ...generatedTokens]

/** A frame of activations came, and its turn. */
export function noteReceived(
  chains: RequestChains | null,
  header: HeaderOfLink,
  payload: Uint8Array,
): RequestChains | null {
  return chains && noted(chains, { type: 'received', header, payload }, payload)
}

/** Activations go to the next seat in a frame with this header. */
export function noteSent(
  chains: RequestChains | null,
  header: HeaderOfLink,
  activation: Activation,
): RequestChains | null {
  return chains && noted(chains, { type: 'sent', header, activation }, activation.data)
}

/** The exit's head took these rows; the header is that of a frame which would have brought them to a seat behind. */
export function noteRows(chains: RequestChains | null, header: HeaderOfLink, rows: Activation): RequestChains | null {
  if (chains === null) return null
  const note = { type: 'computed', header, activation: rows } as const
  return { ...noted(chains, note, rows.data), rowSteps: chains.rowSteps + 1 }
}

/** The exit drew these. */
export function noteDrawn(chains: RequestChains | null, tokens: readonly number[]): RequestChains | null {
  return chains && noted(chains, { type: 'drawn', tokens })
}

/** The entry told the desk these tokens. */
export function noteTold(chains: RequestChains | null, tokens: readonly number[]): RequestChains | null {
  return chains && noted(chains, { type: 'told', tokens })
}

function noted({ chains, notes, rowSteps }: RequestChains, note: Note, payload?: Uint8Array): RequestChains {
  const { count, sizeBytes: before } = notes ?? { count: 0, sizeBytes: 0 }
  // Of the whole buffer: a row of a shared step is a view of all its rows.
  const sizeBytes = before + (payload?.buffer.byteLength ?? 0)
  return { chains, notes: { note, before: notes, count: count + 1, sizeBytes }, rowSteps }
}

/** Hashes what was noted, of requests where that is much. Pure: the state that was given stays as it was. */
export function settleChains(state: PipelineState, digest?: Digest): PipelineState {
  let requests: Map<string, RequestState> | null = null
  for (const request of state.requests.values()) {
    const notes = request.chains?.notes
    if (notes == null || (notes.count < mostNotes && notes.sizeBytes < mostNotedBytes)) continue
    requests ??= new Map(state.requests)
    const chains = { ...request.chains!, chains: workedIn(request.chains!, digest), notes: null }
    requests.set(request.requestId, { ...request, chains })
  }
  return requests === null ? state : { ...state, requests }
}

/** The chains with all that was noted, hashed. */
function workedIn({ chains, notes }: RequestChains, digest?: Digest): Chains {
  const inOrder: Note[] = []
  for (let at = notes; at !== null; at = at.before) inOrder.push(at.note)
  const links: Record<'incoming' | 'outgoing' | 'rows', ReceiptLink[]> = { incoming: [], outgoing: [], rows: [] }
  let { lastTokens, wasSampled } = chains
  let last: Activation | null = null
  for (const note of inOrder.reverse()) {
    switch (note.type) {
      case 'received':
        links.incoming.push(linkOfFrame(note.header, note.payload))
        break
      case 'sent':
        links.outgoing.push({ ...linkOfFrame(note.header, note.activation.data), isAnswer: wasSampled })
        wasSampled = note.header.sample === true
        last = note.activation
        break
      case 'computed':
        // Nobody is sent them, so nobody stopped before the last: earlier heads are not remembered.
        links.rows.push({ ...linkOfFrame(note.header, note.activation.data), isAnswer: true })
        last = note.activation
        break
      case 'drawn':
        // Places in the answer: the text's would be what seats in between said they are.
        links.outgoing.push(...linksOfTokens(note.tokens, chains.outgoing.steps + links.outgoing.length))
        lastTokens = note.tokens
        break
      case 'told':
        // The first link is the text.
        links.incoming.push(...linksOfTokens(note.tokens, chains.incoming.steps + links.incoming.length - 1))
    }
  }
  return {
    incoming: settleChain(extend(chains.incoming, ...links.incoming), digest),
    outgoing: settleChain(extend(chains.outgoing, ...links.outgoing), digest),
    rows: settleChain(extend(chains.rows, ...links.rows), digest),
    lastRow: last === null ? chains.lastRow : lastRowOf(last),
    lastTokens,
    wasSampled,
  }
}

/** A copy: the other rows need not be kept for it. */
function lastRowOf(activation: Activation): Activation {
  const row = activationRows(activation, activation.tokens - 1, activation.tokens)
  return { ...row, data: row.data.slice() }
}

/** What the seat says of a request that is over here; null in a ring that keeps no receipts. Hashes what is still only noted. */
export function receiptOf(
  config: SeatConfig,
  { requestId, chains: kept, nonce }: Pick<RequestState, 'requestId' | 'chains' | 'nonce'>,
  digest?: Digest,
): ReceiptBody | null {
  const { coalition, epoch, seat, seats } = config
  if (kept === null || coalition === undefined) return null
  const { incoming, outgoing, rows, lastRow, lastTokens } = workedIn(kept, digest)
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
