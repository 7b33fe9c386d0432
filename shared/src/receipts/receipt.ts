/**
 * A receipt: what one seat says that it received and sent of one attempt at an answer, and the text of it that its session key signs.
 * Hashes, counts and eight numbers; no activation fits in. The last tokens are those that the desk hears anyway.
 */
import { z } from 'zod'
import { receiptNonceSchema } from '../pipeline/sampling-params.ts'
import { mostRecentHeads } from './receipt-chain.ts'

const count = z.int().min(0).max(0xffff_ffff)
const head = z.string().regex(/^[0-9a-f]{64}$/)

/** Of each recent head these first bytes: they only tell apart what is signed as a whole elsewhere. */
export const recentHeadBytes = 8

const recentPattern = new RegExp(`^([0-9a-f]{${2 * recentHeadBytes}}){0,${mostRecentHeads}}$`)

export const receiptBodySchema = z.strictObject({
  coalition: z.string().max(64),
  epoch: count,
  /** The attempt. */
  requestId: z.string().min(1).max(64),
  seat: z.int().min(0).max(63),
  layers: z.strictObject({ start: z.int().min(0).max(512), end: z.int().min(1).max(512) }),
  /** Links of either chain. */
  inSteps: count,
  outSteps: count,
  inHead: head,
  outHead: head,
  /** The exit's: of the rows that its head took, as if it had sent them on. 0 and empty at any other seat, and at an exit that has no head itself. */
  rowSteps: count,
  rowHead: z.union([head, z.literal('')]),
  /** The out-chain's heads before its last, the first bytes of each, the latest last: what the next seat may have got no further than. */
  recent: z.string().regex(recentPattern),
  /** The exit's: of its last answer, which nobody may have heard. */
  lastTokens: z.array(count).max(33),
  /** Of the last row of activations that was sent, or taken by the exit's head: eight f32, little-endian, hex. Empty where none was, and without a nonce. */
  sketch: z.string().regex(/^([0-9a-f]{64})?$/),
  /** As it came; empty where none did. */
  nonce: z.union([receiptNonceSchema, z.literal('')]),
})
export type ReceiptBody = z.infer<typeof receiptBodySchema>

export const receiptSchema = receiptBodySchema.extend({
  /** Ed25519 over the UTF-8 of `receiptText`, by the seat's session key. Hex. */
  signature: z.string().regex(/^[0-9a-f]{128}$/),
})
export type Receipt = z.infer<typeof receiptSchema>

/** What is signed: a line for each field. */
export function receiptText(receipt: ReceiptBody): string {
  return [
    'ComputePool receipt 2',
    `Coalition: ${JSON.stringify(receipt.coalition)}`,
    `Epoch: ${receipt.epoch}`,
    `Request: ${JSON.stringify(receipt.requestId)}`,
    `Seat: ${receipt.seat}`,
    `Layers: ${receipt.layers.start} to ${receipt.layers.end}`,
    `In: ${receipt.inSteps} ${receipt.inHead}`,
    `Out: ${receipt.outSteps} ${receipt.outHead}`,
    `Rows: ${receipt.rowSteps} ${receipt.rowHead}`,
    `Recent: ${receipt.recent}`,
    `Last tokens: ${receipt.lastTokens.join(' ')}`,
    `Sketch: ${receipt.sketch}`,
    `Nonce: ${receipt.nonce}`,
  ].join('\n')
}
