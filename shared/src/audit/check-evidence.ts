/**
 * Whether a bundle of evidence is what it says: that the accused's key signed for just these inputs and outputs, that its wallet vouched for
 * the key, that the check was drawn and not chosen, and that enough is there to compute it again. What comes out of that is `recompute`'s.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { asComputePoolError } from '../errors/index.ts'
import {
  createReceiptChain,
  type Digest,
  extend,
  isSignedBy,
  linkOfText,
  linksOfTokens,
  type Receipt,
  type ReceiptLink,
  receiptText,
  recentHeadBytes,
  type SessionKey,
  sessionKeyText,
  settleChain,
} from '../receipts/index.ts'
import { askedDraws, isAskedByTerms } from './asked-draws.ts'
import type { CheckPolicy } from './check-policy.ts'
import { canonicalJson, commitmentOf } from './commitment.ts'
import { heldBytes, heldLinks, rowBytes } from './evidence-bundle.ts'
import type { EvidenceAttempt, EvidenceCase, EvidenceFrames } from './evidence-header.ts'
import { finalRows } from './final-rows.ts'
import { firstDrawn, isDrawnFrom, orderlyFrames, termOf, unpairedFrames } from './pair-frames.ts'
import { type DrawRun, isRunPlanned, type PlanInput, planChecks, runAmongDrawn } from './plan-checks.ts'

/** True where the wallet `address` signed `message` (EIP-191); false, never an error, for anything that is no signature. */
export type VerifyWallet = (signed: {
  readonly address: `0x${string}`
  readonly message: string
  readonly signature: `0x${string}`
}) => boolean | Promise<boolean>

/** A bundle, or what an auditor would make one of. */
export interface CaseBundle {
  readonly header: EvidenceCase
  readonly incoming: Uint8Array
  readonly outgoing: Uint8Array
}

/** What a plan draws by: SHA-256 of the receipt's text and its signature, which nobody but its signer could foresee. */
export function digestOfReceipt(receipt: Receipt): Uint8Array {
  return sha256(new TextEncoder().encode(`${receiptText(receipt)}\nSignature: ${receipt.signature}`))
}

/** What is wrong with it, in words; nothing where it may be replayed and believed. */
export async function checkEvidence(
  bundle: CaseBundle,
  verifyWallet: VerifyWallet,
  digest?: Digest,
): Promise<string[]> {
  return [
    ...(await faultsOfWords(bundle.header, verifyWallet)),
    ...faultsOfIncoming(bundle, digest),
    ...faultsOfOutgoing(bundle, digest),
  ]
}

/** The same of all but links and payloads, which `assembleCase` has seen. */
export async function faultsOfWords(header: EvidenceCase, verifyWallet: VerifyWallet): Promise<string[]> {
  return [
    ...(await faultsOfKeys(header, verifyWallet)),
    ...faultsOfAttempts(header),
    ...faultsOfPlan(header),
    ...faultsOfSampling(header),
  ]
}

/** Positions that the judged attempt began with, in a kept cache: the accused signed for them. */
export function keptPositions({ attempts }: Pick<EvidenceCase, 'attempts'>): number {
  const { incoming } = attempts.at(-1)!
  return incoming.kind === 'text' ? incoming.position : (incoming.links[0]?.position ?? 0)
}

/** Each receipt is signed by its key, and each key vouched for by its peer's wallet. */
async function faultsOfKeys(header: EvidenceCase, verifyWallet: VerifyWallet): Promise<string[]> {
  const faults: string[] = []
  const vouched = new Set<string>()
  const look = async (whose: string, peer: string, { receipt, key }: { receipt: Receipt; key: SessionKey }) => {
    if (!isSignedBy(receipt, key.key)) faults.push(`The receipt of ${whose} is not signed by its key.`)
    const { signature, ...named } = key
    const word = { address: peer.slice(0, 42), message: sessionKeyText({ ...named, peer }), signature }
    if (vouched.has(canonicalJson(word))) return
    if (await verifyWallet(word as Parameters<VerifyWallet>[0])) vouched.add(canonicalJson(word))
    else faults.push(`The wallet of ${whose} did not vouch for its key.`)
  }
  for (const attempt of header.attempts) await look('the accused', header.accused.peer, attempt)
  const { after } = header
  if (after !== null) await look('the seat behind', after.peer, after)
  return faults
}

/** One seat's work in one ring, each attempt on the cache that the one before it left. */
function faultsOfAttempts({ attempts, after }: EvidenceCase): string[] {
  const faults: string[] = []
  const { receipt } = attempts.at(-1)!
  const isSameSeat = (other: Receipt) =>
    other.coalition === receipt.coalition &&
    other.epoch === receipt.epoch &&
    other.seat === receipt.seat &&
    canonicalJson(other.layers) === canonicalJson(receipt.layers)
  for (const [i, attempt] of attempts.entries()) {
    if (!isSameSeat(attempt.receipt)) faults.push(`Attempt ${i} is another seat's.`)
    const earlier = attempts[i - 1]?.incoming
    if (attempt.incoming.kind === 'text') {
      if (!goesOn(attempt.incoming, earlier)) faults.push(`Attempt ${i} is of another text than the one before it.`)
      continue
    }
    const first = attempt.incoming.links[0]
    const before = attempts[i - 1]?.receipt.requestId
    const wanted = before === undefined ? null : [before, first?.position]
    if (
      first === undefined ||
      canonicalJson(termOf(first, 'reuse')) !== canonicalJson(wanted) ||
      (i === 0 && first.position !== 0)
    )
      faults.push(`Attempt ${i} did not begin with what the bundle says came before it.`)
  }
  if (after === null) return faults
  const { receipt: behind } = after
  const isSame = (['coalition', 'epoch', 'requestId'] as const).every(name => behind[name] === receipt[name])
  if (!isSame) faults.push('The receipt of the seat behind is of another attempt.')
  if (behind.seat !== receipt.seat + 1) faults.push('The other receipt is not of the seat behind.')
  return faults
}

/** The entry was sent its text as a whole each time: what it kept was of the same tokens. */
function goesOn(
  text: Extract<EvidenceAttempt['incoming'], { kind: 'text' }>,
  before?: EvidenceAttempt['incoming'],
): boolean {
  if (before === undefined) return true
  if (before.kind !== 'text') return false
  const kept = [...before.tokens, ...before.told].slice(0, text.position)
  return kept.length === text.position && kept.every((token, at) => token === text.tokens[at])
}

type Received = Pick<EvidenceCase, 'attempts'> & { readonly check: Pick<EvidenceCase['check'], 'endPosition'> }

/** The accused signed for having received this, and all that a replay needs of it is there. */
export function faultsOfIncoming(
  { header, incoming }: { readonly header: Received; readonly incoming: Uint8Array },
  digest?: Digest,
): string[] {
  const faults: string[] = []
  let bytes = incoming
  for (const [i, attempt] of header.attempts.entries()) {
    const said = attempt.incoming
    const links = said.kind === 'frames' ? said.links.map(linkOfEvidence) : linksOfText(said)
    if (headOfLinks(attempt.receipt, links) !== attempt.receipt.inHead)
      faults.push('The accused did not sign for having received this.')
    if (said.kind !== 'frames') continue
    faults.push(...faultsOfFrames(said, bytes, { end: neededUntil(header, i), draws: null, what: 'received', digest }))
    bytes = bytes.subarray(heldBytes(said))
  }
  return faults
}

/** What later attempts began with is less than all of one, and less than another began with where somebody went back in a conversation. */
function neededUntil({ attempts, check }: Received, index: number): number {
  const later = attempts
    .slice(index + 1)
    .map(({ incoming }) => (incoming.kind === 'frames' ? incoming.links[0]?.position : 0))
  return Math.min(check.endPosition, ...later.map(position => position ?? 0))
}

/** The accused signed for having sent this, or the seat behind for having received it of what the accused sent; an exit, for having drawn of it. */
export function faultsOfOutgoing({ header, outgoing }: Omit<CaseBundle, 'incoming'>, digest?: Digest): string[] {
  const { receipt } = header.attempts.at(-1)!
  const { outgoing: said, after, draws, check } = header
  const head = headOfLinks(receipt, said.links.map(linkOfEvidence))
  const faults = [
    ...(draws === null ? faultsOfSent(receipt, after?.receipt ?? null, head) : []),
    ...faultsOfFrames(said, outgoing, { end: check.endPosition, draws: drawsToJudge(header), what: 'sent', digest }),
  ]
  if (draws === null) return faults
  if (after !== null) faults.push('Behind an exit nobody receives rows.')
  if (head !== receipt.rowHead) faults.push('The accused did not sign for having computed this.')
  if (headOfLinks(receipt, linksOfTokens(draws.tokens, 0).map(digested)) !== receipt.outHead)
    faults.push('The accused did not sign for having drawn this.')
  return faults
}

function faultsOfSent(receipt: Receipt, behind: Receipt | null, head: string): string[] {
  if (behind === null) return ['Nobody signed for having received this.']
  const faults: string[] = []
  if (behind.inHead !== head) faults.push('The seat behind signed that it received something else.')
  // Frames may have been under way when the attempt was cut short: then the seat behind got no further than one of the last heads.
  if (head !== receipt.outHead && !recentHeads(receipt).includes(head.slice(0, 2 * recentHeadBytes)))
    faults.push('The accused did not sign for having sent this.')
  return faults
}

function recentHeads({ recent }: Receipt): string[] {
  return recent.match(new RegExp(`.{${2 * recentHeadBytes}}`, 'g')) ?? []
}

function headOfLinks(receipt: Receipt, links: readonly ReceiptLink[]): string {
  // What is in a link is its digest already.
  return bytesToHex(settleChain(extend(createReceiptChain(receipt), ...links), sha256, each => each).head)
}

function linksOfText({
  tokens,
  position,
  told,
}: Extract<EvidenceAttempt['incoming'], { kind: 'text' }>): ReceiptLink[] {
  return [linkOfText(tokens, position), ...linksOfTokens(told, 0)].map(digested)
}
function linkOfEvidence({ position, rows, terms, sha256: hex }: EvidenceFrames['links'][number]): ReceiptLink {
  return { position, rows, terms, payload: hexToBytes(hex) }
}
function digested(link: ReceiptLink): ReceiptLink {
  return { ...link, payload: sha256(link.payload) }
}

interface FramesAsked {
  /** Payloads before this position must be there. */
  readonly end: number
  /** And all that reach into those from which these were drawn. */
  readonly draws: DrawRun | null
  readonly what: 'received' | 'sent'
  readonly digest: Digest | undefined
}

function faultsOfFrames(
  frames: EvidenceFrames,
  bytes: Uint8Array,
  { end, draws, what, digest = sha256 }: FramesAsked,
): string[] {
  const faults: string[] = []
  const { links, dtype } = frames
  const heldOnes = heldLinks(frames)
  const known = new Set(heldOnes)
  // Who goes back at the end must not have all between handed over.
  if (orderlyFrames(links).links.some(link => !known.has(link) && link.position < end))
    faults.push(`Frames before position ${end} are missing from what was ${what}.`)
  if (draws !== null && links.some(link => !known.has(link) && isDrawnFrom(link, draws)))
    faults.push(`Rows are missing from which the tokens ${draws.from} to ${draws.until} were drawn.`)
  for (const [i, payload] of payloadsOf(frames, bytes).entries())
    if (bytesToHex(digest(payload)) !== heldOnes[i]!.sha256)
      faults.push(`Frame ${i} of what was ${what} is not the one in the chain.`)
  if (links.some(link => termOf(link, 'dtype') !== dtype)) faults.push(`What was ${what} is not in ${dtype}.`)
  return faults
}

export function payloadsOf(frames: EvidenceFrames, bytes: Uint8Array): Uint8Array[] {
  let at = 0
  return heldLinks(frames).map(({ rows }) => {
    const payload = bytes.subarray(at, at + rows * rowBytes(frames))
    at += payload.length
    return payload
  })
}

/** The accused's own receipt holds the commitment to secret and terms, and these drew just this check. */
function faultsOfPlan(header: EvidenceCase): string[] {
  const { check } = header
  const { receipt, incoming } = header.attempts.at(-1)!
  if (receipt.nonce !== commitmentOf(check.secret, check.terms))
    return ['The secret and the terms are not what the accused was told a commitment to.']
  const policy = check.terms.policies[receipt.seat]
  if (policy === undefined) return [`The terms have no policy for seat ${receipt.seat}.`]
  const kept = keptPositions(header)
  if (check.positions <= kept)
    return [`The attempt began with ${kept} positions, and is said to have had ${check.positions}.`]
  const input = planOf(header, policy)
  const [planned] = planChecks({ ...input, firstDraw: () => null })
  if (planned === undefined) return ['No check of this seat was drawn.']
  if (planned.endPosition !== check.endPosition)
    return [`The check was drawn up to position ${planned.endPosition}, and goes up to ${check.endPosition}.`]
  // By frames that no honest seat answers the accused would end every check of itself: what it signed is enough.
  if (unpairedFrames(header) !== null) return []
  const isPlanned =
    header.draws === null ? check.draws === null : check.draws && isRunPlanned(input, receipt.seat, check.draws)
  if (!isPlanned) return ['Other draws were to be made again.']
  const most = positionsOf(incoming, kept)
  return typeof most === 'string' ? [most] : []
}

function planOf(header: EvidenceCase, policy: CheckPolicy): Omit<PlanInput, 'firstDraw'> {
  const { check } = header
  const { receipt } = header.attempts.at(-1)!
  return {
    secret: hexToBytes(check.secret),
    attempt: receipt.requestId,
    receiptHeads: [...new Array<null>(receipt.seat).fill(null), digestOfReceipt(receipt)],
    positions: check.positions,
    keptPositions: keptPositions(header),
    policies: new Array(receipt.seat + 1).fill(policy),
  }
}

/**
 * How a sound bundle's check lies beside what the accused signed for having received, in words; null where it does as planned. An entry that asks for draws
 * elsewhere than behind its text or by another sampling, or tells more tokens than were drawn, brings that about: then what the accused signed shows a cheat,
 * and no more than that.
 */
export function besidePlan(header: EvidenceCase): string | null {
  const { check, draws } = header
  const { receipt, incoming } = header.attempts.at(-1)!
  const policy = check.terms.policies[receipt.seat]
  if (policy === undefined) return null
  const most = positionsOf(incoming, keptPositions(header))
  if (typeof most === 'string' || check.positions > most)
    return `The desk heard of ${check.positions} positions, and the accused signed for ${most}.`
  if (draws === null) return null
  if (!isAskedByTerms(incoming, check.terms))
    return 'The accused signed for having been asked to draw by another sampling than the desk committed to.'
  const [planned] = planChecks({ ...planOf(header, policy), firstDraw: () => draws.firstPosition })
  if (canonicalJson(planned?.draws ?? null) === canonicalJson(check.draws)) return null
  return `The accused was first asked for a token at position ${draws.firstPosition}, which the desk had not asked for.`
}

/** Which of an exit's draws are made again (`runAmongDrawn`). Null where it signed for none, or for nothing to draw by: its rows decide alone. */
export function drawsToJudge({
  attempts,
  check,
  draws,
}: Pick<EvidenceCase, 'attempts' | 'check' | 'draws'>): DrawRun | null {
  if (draws === null || check.draws === null) return null
  if (askedDraws(attempts.at(-1)!.incoming, check.terms) === null) return null
  const { firstPosition: from, tokens } = draws
  return runAmongDrawn(check.draws, { from, until: from + tokens.length })
}

/** Positions that came and stayed; of a text all but the last token, which nobody fed. In words where the frames leave gaps. */
function positionsOf(incoming: EvidenceAttempt['incoming'], kept: number): number | string {
  if (incoming.kind === 'text') return incoming.tokens.length + Math.max(0, incoming.told.length - 1)
  try {
    return finalRows(orderlyFrames(incoming.links).links, Number.POSITIVE_INFINITY, kept).reduce(
      (sum, { rows }) => sum + rows,
      kept,
    )
  } catch (error) {
    return asComputePoolError(error).message
  }
}

/** How the exit was to draw, from where on and after what stands in the frames that it received. */
function faultsOfSampling({ attempts, draws, check }: EvidenceCase): string[] {
  if (draws === null) return []
  const { incoming } = attempts.at(-1)!
  const { params, prompt, generated, firstPosition } = draws
  const asked = askedDraws(incoming, check.terms) ?? { params: check.terms.sampling, prompt: [], generated: [] }
  const isAsked =
    canonicalJson({ params, prompt, generated }) === canonicalJson(asked) && firstPosition === firstDrawn(incoming)
  return isAsked ? [] : ['The exit was asked to draw otherwise.']
}
