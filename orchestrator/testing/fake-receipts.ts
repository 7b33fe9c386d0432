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
import type { DeskCommand, DeskRequest, Seat } from '@computepool/shared/wire'

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
    rowSteps: isExit ? tokens.length : 0,
    rowHead: isExit && tokens.length > 0 ? headOf(boundary(seat + 1)) : '',
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

export interface FakeAttempts {
  /** What the desk tells a tab of the ring. */
  commanded(peer: string, command: DeskCommand): void
  /** What the tab says, after the desk has heard it. */
  said(request: DeskRequest): void
}

/** Follows what is asked of fake entries, and what they say; `give` is called for each seat when an attempt is over there. */
export function followFakeAttempts(give: (peer: string, honest: ReceiptBody) => void): FakeAttempts {
  const assigned = new Map<string, Extract<DeskCommand, { type: 'assign-slice' }>>()
  /** By request: each until its receipts are given. */
  const attempts = new Map<string, FakeAttempt & { readonly tokens: number[] }>()
  const end = (requestId: string): void => {
    const attempt = attempts.get(requestId)
    attempts.delete(requestId)
    for (const { seat, peer } of attempt?.seats ?? []) give(peer, fakeReceipt(attempt!, seat))
  }
  return {
    commanded: (peer, command) => {
      if (command.type === 'assign-slice') assigned.set(peer, command)
      if (command.type === 'cancel-request') queueMicrotask(() => end(command.requestId))
      if (command.type !== 'run-request') return
      const { coalition, epoch, seats } = assigned.get(peer)!
      attempts.set(command.job.requestId, { coalition, epoch, seats, job: command.job, tokens: [] })
    },
    said: request => {
      if (request.type === 'token-generated') attempts.get(request.requestId)?.tokens.push(request.sampled.token)
      if (request.type === 'request-finished') end(request.requestId)
    },
  }
}
