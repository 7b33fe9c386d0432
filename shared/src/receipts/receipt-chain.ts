/**
 * A hash chain over what a seat received, or sent, of one attempt at an answer: h(k) = SHA-256(h(k−1) ‖ position u32le ‖ rows u32le ‖
 * SHA-256(payload) ‖ terms), from a head that names the attempt. It knows no frames: who makes its links says what counts.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

export interface ReceiptLink {
  /** Below 2³², as are the rows. */
  readonly position: number
  readonly rows: number
  readonly payload: Uint8Array
  /** What else decides what becomes of the payload; UTF-8 in the hash. */
  readonly terms?: string
  /** This link would not have come about, had the other end not taken all before it. */
  readonly isAnswer?: boolean
}

export interface ReceiptChain {
  /** Of all links but those that are due. */
  readonly head: Uint8Array
  /** All links, those that are due too. */
  readonly steps: number
  /** Links that are not hashed yet: hashing may wait until what is urgent is done. */
  readonly due: readonly ReceiptLink[]
  /** The heads before `head`, the latest last, back to where the other end is known to have come; at most 256. */
  readonly recent: readonly Uint8Array[]
}

export interface ReceiptAttempt {
  readonly coalition: string
  readonly epoch: number
  /** Of the attempt. */
  readonly requestId: string
}

/** SHA-256: a host that has a faster one than the pure core's may hand it in. */
export type Digest = (bytes: Uint8Array) => Uint8Array

/** Heads that are remembered: frames that may be under way when an attempt is cut short. */
export const mostRecentHeads = 256

const encoder = new TextEncoder()
const headBytes = 32

/** No links yet: its head is SHA-256("computepool receipt 1" ‖ 0 ‖ coalition ‖ 0 ‖ epoch u32le ‖ attempt). */
export function createReceiptChain({ coalition, epoch, requestId }: ReceiptAttempt): ReceiptChain {
  const named = encoder.encode(`computepool receipt 1\0${coalition}\0`)
  const attempt = encoder.encode(requestId)
  const bytes = new Uint8Array(named.length + 4 + attempt.length)
  bytes.set(named)
  new DataView(bytes.buffer).setUint32(named.length, epoch, true)
  bytes.set(attempt, named.length + 4)
  return { head: sha256(bytes), steps: 0, due: [], recent: [] }
}

/** The chain with one link more, which is hashed later. The payload must not change until then. */
export function extend(chain: ReceiptChain, ...links: readonly ReceiptLink[]): ReceiptChain {
  return { ...chain, steps: chain.steps + links.length, due: [...chain.due, ...links] }
}

/** The chain with one link more. */
export function advance(chain: ReceiptChain, link: ReceiptLink): ReceiptChain {
  return settleChain(extend(chain, link))
}

/** Hashes what is due; the chain itself where nothing is. `digestOf`: of a payload, where that is its digest already. */
export function settleChain(
  chain: ReceiptChain,
  digest: Digest = sha256,
  digestOf: (payload: Uint8Array) => Uint8Array = digest,
): ReceiptChain {
  if (chain.due.length === 0) return chain
  let { head } = chain
  let recent = [...chain.recent]
  for (const link of chain.due) {
    if (link.isAnswer === true) recent = []
    recent.push(head)
    head = digest(textOfLink(head, link, digestOf(link.payload)))
  }
  return { ...chain, head, due: [], recent: recent.slice(-mostRecentHeads) }
}

/** What the next head is the hash of. */
function textOfLink(head: Uint8Array, { position, rows, terms = '' }: ReceiptLink, digested: Uint8Array): Uint8Array {
  const said = encoder.encode(terms)
  const fixedBytes = headBytes + 8 + headBytes
  const bytes = new Uint8Array(fixedBytes + said.length)
  const view = new DataView(bytes.buffer)
  bytes.set(head)
  view.setUint32(headBytes, position, true)
  view.setUint32(headBytes + 4, rows, true)
  bytes.set(digested, headBytes + 8)
  bytes.set(said, fixedBytes)
  return bytes
}

/** The head of all links, in hex. */
export function headOf(chain: ReceiptChain): string {
  return bytesToHex(settleChain(chain).head)
}
