/**
 * Whether a bundle of evidence is what it says: that the accused signed for just these inputs and outputs, that the check was drawn and not
 * chosen, and that enough is there to compute it again. What comes out of that is `recompute`'s business.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { asComputePoolError } from '../errors/index.ts'
import type { Activation } from '../ports/index.ts'
import {
  createReceiptChain,
  extend,
  isSignedBy,
  linkOfFrame,
  linkOfText,
  linksOfTokens,
  type Receipt,
  type ReceiptLink,
  receiptText,
  settleChain,
} from '../receipts/index.ts'
import { isOpening } from './commitment.ts'
import { type EvidenceBundle, rowBytes } from './evidence-bundle.ts'
import type { EvidenceFrames, EvidenceHeader } from './evidence-header.ts'
import { finalRows } from './final-rows.ts'
import { planChecks } from './plan-checks.ts'
import type { Claim, ReplayFrame } from './recompute.ts'

/** What a plan draws by: SHA-256 of the receipt's text and its signature, which nobody but its signer could foresee. */
export function digestOfReceipt(receipt: Receipt): Uint8Array {
  return sha256(new TextEncoder().encode(`${receiptText(receipt)}\nSignature: ${receipt.signature}`))
}

/** What is wrong with it, in words; nothing where it may be replayed and believed. */
export function checkEvidence(bundle: EvidenceBundle): string[] {
  const { header } = bundle
  return [
    ...faultsOfReceipts(header),
    ...faultsOfChains(header),
    ...faultsOfPayloads(bundle),
    ...faultsOfFrames(header),
    ...faultsOfPlan(header),
    ...faultsOfSampling(header),
  ]
}

function faultsOfReceipts({ receipts }: EvidenceHeader): string[] {
  const faults: string[] = []
  const { receipt } = receipts.accused
  for (const [whose, signed] of Object.entries(receipts)) {
    if (signed === null) continue
    const other = signed.receipt
    if (!isSignedBy(other, signed.key)) faults.push(`The receipt of the ${nameOf(whose)} is not signed by its key.`)
    if (other.coalition !== receipt.coalition || other.epoch !== receipt.epoch || other.requestId !== receipt.requestId)
      faults.push(`The receipt of the ${nameOf(whose)} is of another attempt.`)
  }
  // Where neighbours signed otherwise, one of two lies, and it is not said which.
  if (receipts.before !== null && receipts.before.receipt.outHead !== receipt.inHead)
    faults.push('The seat before signed that it sent something else.')
  if (receipts.after !== null && receipts.after.receipt.inHead !== receipt.outHead)
    faults.push('The seat behind signed that it received something else.')
  return faults
}

function nameOf(whose: string): string {
  return whose === 'accused' ? 'accused' : `seat ${whose === 'before' ? 'before' : 'behind'}`
}

/** The accused signed for these very links. */
function faultsOfChains({ receipts, incoming, outgoing }: EvidenceHeader): string[] {
  const { receipt } = receipts.accused
  const received =
    incoming.kind === 'frames'
      ? incoming.links.map(linkOfEvidence)
      : [linkOfText(incoming.tokens, incoming.position), ...linksOfTokens(incoming.told, 0)].map(digested)
  const sent =
    outgoing.kind === 'frames' ? outgoing.links.map(linkOfEvidence) : linksOfTokens(outgoing.tokens, 0).map(digested)
  const headOf = (links: readonly ReceiptLink[]) =>
    bytesToHex(settleChain(extend(createReceiptChain(receipt), ...links), each => each).head)
  const faults: string[] = []
  if (headOf(received) !== receipt.inHead) faults.push('The accused did not sign for having received this.')
  if (headOf(sent) !== receipt.outHead) faults.push('The accused did not sign for having sent this.')
  return faults
}

/** A link whose payload is its digest already. */
function linkOfEvidence({ position, rows, terms, sha256: hex }: EvidenceFrames['links'][number]): ReceiptLink {
  return { position, rows, terms, payload: hexToBytes(hex) }
}
function digested(link: ReceiptLink): ReceiptLink {
  return { ...link, payload: sha256(link.payload) }
}

function faultsOfPayloads(bundle: EvidenceBundle): string[] {
  const faults: string[] = []
  for (const side of ['incoming', 'outgoing'] as const) {
    const said = bundle.header[side]
    if (said.kind !== 'frames') continue
    const { endPosition } = bundle.header.check
    if (said.links.slice(said.held).some(({ position }) => position < endPosition))
      faults.push(
        `Frames before position ${endPosition} are missing from what was ${side === 'incoming' ? 'received' : 'sent'}.`,
      )
    for (const [i, payload] of payloadsOf(said, bundle[side]).entries())
      if (bytesToHex(sha256(payload)) !== said.links[i]!.sha256)
        faults.push(`Frame ${i} of what was ${side === 'incoming' ? 'received' : 'sent'} is not the one in the chain.`)
  }
  return faults
}

/** As many payloads on either side, of an attempt as long as the plan took it to be. */
function faultsOfFrames({ incoming, outgoing, check }: EvidenceHeader): string[] {
  const faults: string[] = []
  const sides = [incoming, outgoing].flatMap(side => (side.kind === 'frames' ? [side] : []))
  const [first, second] = sides
  if (first === undefined) return faults
  if (second !== undefined && first.held !== second.held)
    faults.push(`It holds ${first.held} frames that were received and ${second.held} that were sent.`)
  try {
    const positions = finalRows(first.links).reduce((sum, { rows }) => sum + rows, 0)
    if (positions !== check.positions) faults.push(`The attempt had ${positions} positions, not ${check.positions}.`)
  } catch (error) {
    faults.push(asComputePoolError(error).message)
  }
  return faults
}

/**
 * A seat sends one frame for each that it received, of the same positions, in the same order. Whoever signed for anything else cut its
 * work so that it could not be laid side by side: in words where it did, null where it did not. Frames at the end may be unanswered.
 */
export function unpairedFrames({ incoming, outgoing }: EvidenceHeader): string | null {
  if (incoming.kind !== 'frames' || outgoing.kind !== 'frames') return null
  for (const [i, sent] of outgoing.links.entries()) {
    const received = incoming.links[i]
    if (received?.position !== sent.position || received.rows !== sent.rows)
      return `The accused signed that frame ${i} it sent has ${sent.rows} rows from position ${sent.position} on, which it did not receive so.`
  }
  return null
}

function payloadsOf(frames: EvidenceFrames, bytes: Uint8Array): Uint8Array[] {
  let at = 0
  return frames.links.slice(0, frames.held).map(({ rows }) => {
    const payload = bytes.subarray(at, at + rows * rowBytes(frames))
    at += payload.length
    return payload
  })
}

function faultsOfPlan({ check, receipts }: EvidenceHeader): string[] {
  const secret = hexToBytes(check.secret)
  if (!isOpening(hexToBytes(check.commitment), secret)) return ['The secret is not the one that was committed to.']
  const { receipt } = receipts.accused
  const before = new Array<null>(receipt.seat).fill(null)
  const [planned] = planChecks({
    secret,
    attempt: receipt.requestId,
    receiptHeads: [...before, digestOfReceipt(receipt)],
    positions: check.positions,
    keptPositions: 0,
    policies: new Array(receipt.seat + 1).fill(check.policy),
  })
  if (planned === undefined) return ['No check of this seat was drawn.']
  if (planned.endPosition !== check.endPosition)
    return [`The check was drawn up to position ${planned.endPosition}, and goes up to ${check.endPosition}.`]
  return []
}

/** How the exit was to draw, and from where on, stands in the terms of the frames that it received, under its own signature. */
function faultsOfSampling({ incoming, outgoing }: EvidenceHeader): string[] {
  if (outgoing.kind !== 'tokens' || incoming.kind !== 'frames') return []
  const { params, prompt, generated } = outgoing
  const header = { request_id: '', kind: 'hidden', dtype: 'f32', shape: [], seq: 0, position: 0 } as const
  const asked = { ...header, shape: [], sampling: params, prompt_tokens: prompt, generated_tokens: generated }
  const wanted = termsOf(linkOfFrame(asked, new Uint8Array()).terms)
  const first = termsOf(incoming.links[0]?.terms)
  const isAsked = [4, 5, 6].every(index => JSON.stringify(first[index]) === JSON.stringify(wanted[index]))
  const drawing = incoming.links.find(({ terms }) => termsOf(terms)[1] === true)
  const guesses = termsOf(drawing?.terms)[2]
  const firstPosition = (drawing?.position ?? 0) + (drawing?.rows ?? 0) - (Array.isArray(guesses) ? guesses.length : 0)
  return isAsked && firstPosition === outgoing.firstPosition ? [] : ['The exit was asked to draw otherwise.']
}

function termsOf(terms = '[]'): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(terms)
    return Array.isArray(parsed) ? parsed : []
  } catch {
    return []
  }
}

/**
 * What `recompute` takes: the frames that were received and what was sent, up to where the bundle holds them. `vocab` is the model's, of a
 * manifest that the judge trusts.
 */
export function replayOf(
  { header, incoming, outgoing }: EvidenceBundle,
  vocab: number,
): {
  readonly frames: ReplayFrame[]
  readonly claimed: Claim
} {
  const sent = header.outgoing
  const outputs = sent.kind === 'frames' ? activationsOf(sent, outgoing) : []
  const claimed: Claim = sent.kind === 'frames' ? { kind: 'activations', outputs } : { ...sent, kind: 'draws', vocab }
  const received = header.incoming
  if (received.kind === 'frames') {
    const activations = activationsOf(received, incoming)
    const frames = activations.map((activation, i) => {
      const { position, rows } = received.links[i]!
      return { position, rows, input: { activation } }
    })
    return { frames: frames.slice(0, outputs.length || frames.length), claimed }
  }
  // The entry computed its text in the pieces that it sent; guesses that failed were overwritten, whatever they were.
  const text = [...received.tokens, ...received.told]
  const pieces = sent.kind === 'frames' ? sent.links.slice(0, sent.held) : [{ position: 0, rows: text.length }]
  const frames = pieces.map(({ position, rows }) => ({
    position,
    rows,
    input: { tokens: Array.from({ length: rows }, (_, i) => text[position + i] ?? 0) },
  }))
  return { frames, claimed }
}

function activationsOf(frames: EvidenceFrames, bytes: Uint8Array): Activation[] {
  const { dtype, hidden } = frames
  return payloadsOf(frames, bytes).map(data => ({ dtype, hidden, tokens: data.length / rowBytes(frames), data }))
}
