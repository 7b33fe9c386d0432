/**
 * What honest seats of a fake ring say that they received and sent: payloads that never were, the same at both ends of a boundary. A fake tab
 * may change its own before it signs it.
 */
import type { RequestJob } from '@computepool/shared/pipeline'
import {
  createReceiptChain,
  createReceiptSigner,
  extend,
  headOf,
  linkOfText,
  linksOfTokens,
  type ReceiptBody,
  type ReceiptChain,
  type ReceiptSigner,
  type SessionKey,
} from '@computepool/shared/receipts'
import type { Seat } from '@computepool/shared/wire'

/** Under which fake tabs sign in. */
export const fakePool = 'http://pool.test'

export interface FakeAttempt {
  readonly coalition: string
  readonly epoch: number
  readonly seats: readonly Seat[]
  readonly job: RequestJob
  /** Those that the entry told. */
  readonly tokens: readonly number[]
}

export function fakeReceipt({ seats, job, tokens, ...named }: FakeAttempt, seat: number): ReceiptBody {
  const { coalition, epoch } = named
  const { requestId, promptTokens, generatedTokens = [], reuse, nonce = '' } = job
  const begun = createReceiptChain({ coalition, epoch, requestId })
  const text = [...promptTokens, ...generatedTokens]
  const drawn = linksOfTokens(tokens, 0)
  /** The boundary in front of the seat of this number. */
  const boundary = (number: number): ReceiptChain =>
    extend(
      begun,
      ...tokens.map((_, index) => ({
        position: index === 0 ? 0 : text.length + index - 1,
        rows: index === 0 ? text.length : 1,
        payload: Uint8Array.of(number, index),
      })),
    )
  const [isEntry, isExit] = [seat === 0, seat === seats.length - 1]
  const incoming = isEntry ? extend(begun, linkOfText(text, reuse?.positions ?? 0), ...drawn) : boundary(seat)
  const outgoing = isExit ? extend(begun, ...drawn) : boundary(seat + 1)
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
    recent: '',
    lastTokens: isExit ? tokens.slice(-1) : [],
    sketch: '',
    nonce,
  }
}

/** A signer of its own for each peer, the same each time. */
export function fakeSigner(peer: string): ReceiptSigner {
  return createReceiptSigner(new TextEncoder().encode(peer.slice(-32)))
}

/** Its wallet's signature is none: a desk of tests takes it for one, or does not. */
export const fakeSessionKey = (peer: string): SessionKey => ({
  pool: fakePool,
  key: fakeSigner(peer).key,
  signature: `0x${'11'.repeat(65)}`,
  expiresMs: Date.UTC(2100, 0, 1),
})
