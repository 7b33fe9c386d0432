/**
 * What counts as one link of a receipt's chain. Between two seats: each frame of activations, payload and all of its header that changes
 * the answer, so that both ends of a boundary make the same link. At the ring's two ends: the text, and each token that was drawn.
 */
import type { SamplingParams } from '../pipeline/sampling-params.ts'
import type { FrameHeader } from '../wire/frame-header.ts'
import type { ReceiptLink } from './receipt-chain.ts'

/** Of a frame of activations, as it is on the wire. Its place in the order of sending is the link's place in the chain. */
export function linkOfFrame(header: Omit<FrameHeader, 'epoch'>, payload: Uint8Array): ReceiptLink {
  return { position: header.position, rows: header.shape[0] ?? 0, payload, terms: termsOf(header) }
}

/** In a fixed order: what JSON makes of a number is the same before the wire and behind it. */
function termsOf(header: Omit<FrameHeader, 'epoch'>): string {
  const { dtype, sample, draft, nonce, sampling, prompt_tokens: prompt, generated_tokens: generated, reuse } = header
  return JSON.stringify([
    dtype,
    sample === true,
    draft ?? [],
    nonce ?? '',
    sampling === undefined ? null : samplingTerms(sampling),
    prompt ?? [],
    generated ?? [],
    reuse === undefined ? null : [reuse.requestId, reuse.positions],
  ])
}

function samplingTerms(params: SamplingParams): unknown[] {
  const { temperature, topP, topK, minP, presencePenalty, frequencyPenalty, repetitionPenalty } = params
  const penalties = [presencePenalty, frequencyPenalty, repetitionPenalty]
  return [temperature, topP, topK, minP, ...penalties, params.logitBias, params.seed, params.logprobs]
}

/** The entry's first: all tokens that it was sent (prompt, and what was drawn before), from which it computed those from `position` on. */
export function linkOfText(text: readonly number[], position: number): ReceiptLink {
  return { position, rows: text.length, payload: tokenBytes(text) }
}

/**
 * One for each token that was drawn; their positions count the attempt's tokens, from `index` on. The text's would be what seats in between
 * said they are.
 */
export function linksOfTokens(tokens: readonly number[], index: number): ReceiptLink[] {
  return tokens.map((token, i) => ({ position: index + i, rows: 1, payload: tokenBytes([token]) }))
}

/** Little-endian u32 each. */
function tokenBytes(tokens: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * tokens.length)
  const view = new DataView(bytes.buffer)
  tokens.forEach((token, index) => {
    view.setUint32(4 * index, token, true)
  })
  return bytes
}
