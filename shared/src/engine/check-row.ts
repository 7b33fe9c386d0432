/** The engine's door: whether a row may run at all, before any cache is touched. It knows the slice's shape, not its weights. */
import { ComputePoolError } from '../errors/index.ts'
import type { Activation, DrawRequest, EngineFacts, EngineRow, SliceRequest } from '../ports/index.ts'
import { activationElementBytes } from './convert-activation.ts'

const askAgain = 'Send the request again from position 0, or to another peer.'

/** Number of positions in the row's input. */
export function rowTokens(row: EngineRow): number {
  return 'tokens' in row.input ? row.input.tokens.length : row.input.activation.tokens
}

/**
 * Throws `peer_frame_invalid` for a row that this slice cannot run, `input_context_too_long` for one beyond its context.
 * `cachedLength` is how many positions of the request the engine holds.
 */
export function checkRow(row: EngineRow, slice: SliceRequest, facts: EngineFacts, cachedLength: number): void {
  const { layers, vocab, hidden } = slice.manifest.dimensions
  const isEntry = slice.layers.start === 0
  const tokens = rowTokens(row)
  if (!Number.isInteger(tokens) || tokens < 1 || tokens > facts.maxChunk)
    throw invalid(row, `A step brought ${tokens} positions; this engine takes 1 to ${facts.maxChunk}.`)
  const { reuse } = row
  if (reuse !== undefined && (row.position !== reuse.positions || row.position < 1))
    throw invalid(row, `A step at position ${row.position} reuses ${reuse.positions} positions of another's cache.`)
  // A reused cache is longer than what the request itself holds; whether it is there is the books' business.
  const reachable = reuse !== undefined && cachedLength === 0 ? reuse.positions : cachedLength
  if (!Number.isInteger(row.position) || row.position < 0 || row.position > reachable)
    throw invalid(row, `A step starts at position ${row.position}, but the cache holds ${cachedLength} positions.`)
  if (row.position + tokens > slice.maxContext)
    throw new ComputePoolError(
      'input_context_too_long',
      `Position ${row.position + tokens} is beyond this slice's context of ${slice.maxContext} tokens.`,
      { remedy: 'Send fewer tokens.', context: { requestId: row.requestId, maxContext: slice.maxContext } },
    )
  if (row.sample !== null && slice.layers.end !== layers)
    throw invalid(row, `A step asks for a token, but this slice ends at layer ${slice.layers.end} of ${layers}.`)
  const { input } = row
  const draft = row.sample?.draft
  if (draft !== undefined && (draft.length < 1 || draft.length >= tokens))
    throw invalid(row, `A step of ${tokens} positions came with a draft of ${draft.length}.`)
  if ('tokens' in input) {
    if (draft?.some((token, i) => token !== input.tokens[tokens - draft.length + i]))
      throw invalid(row, 'A draft differs from the tokens it came with.')
    if (!isEntry) throw invalid(row, `Tokens arrived at layer ${slice.layers.start}; only layer 0 takes tokens.`)
    const stranger = input.tokens.find(token => !Number.isInteger(token) || token < 0 || token >= vocab)
    if (stranger !== undefined) throw invalid(row, `Token ${stranger} is outside the vocabulary of ${vocab}.`)
    return
  }
  if (isEntry) throw invalid(row, 'An activation arrived at layer 0, which takes tokens.')
  checkActivation(row, input.activation, hidden)
}

/** Throws `peer_frame_invalid` for rows that this slice's head cannot draw from. */
export function checkDraw(
  { rows, position, draft = [] }: Omit<DrawRequest, 'sample'> & { readonly draft?: readonly number[] | undefined },
  slice: SliceRequest,
): void {
  const { layers, hidden } = slice.manifest.dimensions
  const named = { requestId: 'given rows', position }
  if (slice.layers.end !== layers)
    throw invalid(named, `A draw was asked of a slice that ends at layer ${slice.layers.end} of ${layers}.`)
  if (!Number.isInteger(rows.tokens) || rows.tokens <= draft.length || rows.tokens < 1)
    throw invalid(named, `A draw from ${rows.tokens} rows came with a draft of ${draft.length}.`)
  checkActivation(named, rows, hidden)
}

type Named = Pick<EngineRow, 'requestId' | 'position'>

function checkActivation(row: Named, activation: Activation, hidden: number): void {
  const { tokens, dtype, data } = activation
  const expectedBytes = tokens * hidden * activationElementBytes(dtype)
  if (activation.hidden !== hidden || data.byteLength !== expectedBytes)
    throw invalid(
      row,
      `An activation of ${data.byteLength} bytes and width ${activation.hidden} arrived; ` +
        `${tokens} ${dtype} rows of width ${hidden} are ${expectedBytes} bytes.`,
    )
}

function invalid(row: Named, message: string): ComputePoolError {
  return new ComputePoolError('peer_frame_invalid', message, {
    remedy: askAgain,
    context: { requestId: row.requestId, position: row.position },
  })
}
