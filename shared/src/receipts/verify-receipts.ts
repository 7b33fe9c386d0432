/**
 * Whether the receipts of one attempt fit together: each signed by its seat for this attempt, each boundary's two ends alike, the first
 * and the last as the desk knows the tokens. It names who cannot be believed; where two neighbours differ, both, for it saw no frame.
 */
import { bytesToHex } from '@noble/hashes/utils.js'
import type { LayerRange } from '../model/index.ts'
import { maxDraftTokens } from '../wire/frame-header.ts'
import { type Receipt, recentHeadBytes } from './receipt.ts'
import {
  createReceiptChain,
  extend,
  headOf,
  type ReceiptAttempt,
  type ReceiptChain,
  settleChain,
} from './receipt-chain.ts'
import { linkOfText, linksOfTokens } from './receipt-links.ts'
import { isSignedBy } from './receipt-signer.ts'

export interface ReceiptedSeat {
  readonly seat: number
  readonly layers: LayerRange
  /** Session key, hex; null: it told none that its wallet vouches for. */
  readonly key: string | null
  /** It vanished: nobody waits for its receipt. */
  readonly isExempt?: boolean
}

export interface ReceiptedAttempt extends ReceiptAttempt {
  /** As sent with the job; empty where none was. */
  readonly nonce: string
  /** In the ring's order. */
  readonly seats: readonly ReceiptedSeat[]
  readonly receipts: readonly Receipt[]
  /** Prompt, and the tokens that were drawn before: all that the job carried. */
  readonly sentTokens: readonly number[]
  /** Positions of a kept cache that the job named; default 0. */
  readonly reusedPositions?: number
  /** All tokens that the entry told of this attempt, those that came after it was cancelled too. */
  readonly heardTokens: readonly number[]
  /** The entry told its end with `stop` or `length`: else what was under way may have reached nobody. */
  readonly isComplete: boolean
}

export interface ReceiptFault {
  readonly fault: 'missing' | 'broken' | 'forged'
  /** One, or the two of a boundary. */
  readonly seats: readonly number[]
  /** What is wrong, for its operator. */
  readonly words: string
}

export interface ReceiptVerdict {
  /** The worst of the faults: forged, then broken, then missing. */
  readonly verdict: 'whole' | 'missing' | 'broken' | 'forged'
  readonly faults: readonly ReceiptFault[]
  /** Seats that gave a receipt in which no fault was found. */
  readonly whole: readonly number[]
}

/** Whether the session key `key` (hex) signed the receipt. */
export type IsSigned = (receipt: Receipt, key: string) => boolean

/** A token, and the guesses behind it. */
const mostDrawnAtOnce = 1 + maxDraftTokens

const worstFirst = ['forged', 'broken', 'missing'] as const

/** `isSigned`: where the host checks Ed25519 faster than the pure core. */
export function verifyReceipts(attempt: ReceiptedAttempt, isSigned: IsSigned = isSignedBy): ReceiptVerdict {
  const faults: ReceiptFault[] = []
  const sound = new Map<number, Receipt>()
  for (const seat of attempt.seats) {
    const given = attempt.receipts.filter(receipt => receipt.seat === seat.seat)
    const fault =
      given.length === 0 ? faultOfSilence(attempt, seat) : faultOfReceipts(attempt, seat, { given, isSigned })
    if (fault !== null) faults.push(fault)
    else if (given[0] !== undefined) sound.set(seat.seat, given[0])
  }
  for (const fault of faultsOfPairing(attempt, sound)) {
    faults.push(fault)
    // It is wrong by itself: no neighbour is blamed for not meeting it.
    for (const seat of fault.seats) sound.delete(seat)
  }
  faults.push(...faultsOfEnds(attempt, sound), ...faultsOfBoundaries(attempt, sound))
  const blamed = new Set(faults.flatMap(({ seats }) => seats))
  const verdict = worstFirst.find(worst => faults.some(({ fault }) => fault === worst)) ?? 'whole'
  return { verdict, faults, whole: [...sound.keys()].filter(seat => !blamed.has(seat)) }
}

/** Before the first token nobody knows how far around the ring the work had come. */
function faultOfSilence({ heardTokens, isComplete }: ReceiptedAttempt, { seat, isExempt }: ReceiptedSeat) {
  if (isExempt === true || (heardTokens.length === 0 && !isComplete)) return null
  return { fault: 'missing', seats: [seat], words: `Seat ${seat} gave no receipt.` } as const
}

function faultOfReceipts(
  attempt: ReceiptedAttempt,
  { seat, layers, key }: ReceiptedSeat,
  { given, isSigned }: { readonly given: readonly Receipt[]; readonly isSigned: IsSigned },
): ReceiptFault | null {
  const forged = (words: string) => ({ fault: 'forged', seats: [seat], words }) as const
  if (key === null) return forged(`Seat ${seat} gave a receipt, and no session key that its wallet signed.`)
  for (const receipt of given) {
    if (!isSigned(receipt, key)) return forged(`The receipt of seat ${seat} is not signed by its session key.`)
    const { coalition, epoch, requestId } = receipt
    if (coalition !== attempt.coalition || epoch !== attempt.epoch || requestId !== attempt.requestId)
      return forged(`Seat ${seat} gave the receipt of request ${requestId} of assignment ${epoch}.`)
    if (receipt.layers.start !== layers.start || receipt.layers.end !== layers.end)
      return forged(`Seat ${seat} gave a receipt for layers ${receipt.layers.start} to ${receipt.layers.end}.`)
    if (receipt.signature !== given[0]!.signature) return forged(`Seat ${seat} gave two receipts that differ.`)
  }
  return null
}

/** What the ring was given, and what it gave. */
function faultsOfEnds(attempt: ReceiptedAttempt, sound: ReadonlyMap<number, Receipt>): ReceiptFault[] {
  const { seats, sentTokens, heardTokens, nonce, reusedPositions = 0 } = attempt
  const faults: ReceiptFault[] = []
  const [first, last] = [seats[0]!.seat, seats.at(-1)!.seat]
  const [entry, exit] = [sound.get(first), sound.get(last)]
  if (entry !== undefined) {
    const told = extend(
      createReceiptChain(attempt),
      linkOfText(sentTokens, reusedPositions),
      ...linksOfTokens(heardTokens, 0),
    )
    if (entry.nonce !== nonce || entry.inSteps !== told.steps || entry.inHead !== headOf(told)) {
      const words = `The entry's receipt is not of the ${sentTokens.length} tokens that it was sent and the ${heardTokens.length} that it told.`
      faults.push({ fault: 'broken', seats: [first], words })
    }
  }
  if (exit !== undefined && !isHeard(attempt, exit)) {
    const words = `The exit's receipt is not of the ${heardTokens.length} tokens that the entry told.`
    faults.push({ fault: 'broken', seats: first === last ? [first] : [first, last], words })
  }
  return faults
}

/**
 * Between the ring's ends a seat sends a frame for each that it received, or several where its chunks are shorter. Frames at the end of an
 * attempt that was cut short may be unanswered.
 */
function faultsOfPairing(attempt: ReceiptedAttempt, sound: ReadonlyMap<number, Receipt>): ReceiptFault[] {
  const { seats, isComplete } = attempt
  const between = seats.slice(1, -1).flatMap(({ seat }): ReceiptFault[] => {
    const receipt = sound.get(seat)
    if (receipt === undefined || !isComplete || receipt.outSteps >= receipt.inSteps) return []
    const words = `Seat ${seat} says that it received ${receipt.inSteps} frames and sent ${receipt.outSteps}.`
    return [{ fault: 'broken', seats: [seat], words }]
  })
  return [...between, ...faultsOfRows(attempt, sound)]
}

/**
 * The exit shows the rows from which it drew, as all others do: one at least for each frame that it received, and for each draw. Without them it cannot be
 * checked, like one that gives no receipt.
 */
function faultsOfRows({ seats, isComplete }: ReceiptedAttempt, sound: ReadonlyMap<number, Receipt>): ReceiptFault[] {
  const { seat } = seats.at(-1)!
  const exit = sound.get(seat)
  if (exit === undefined) return []
  const { inSteps, outSteps, rowSteps } = exit
  const isText = seats.length === 1
  const least = Math.max(Math.ceil(outSteps / mostDrawnAtOnce), isComplete && !isText ? inSteps : 0)
  if (rowSteps >= least) return []
  const words = `The exit says that it drew ${outSteps} tokens of ${inSteps} ${isText ? 'texts and tokens' : 'frames'}, and that its head took ${rowSteps}.`
  return [{ fault: 'missing', seats: [seat], words }]
}

/** Whether the exit drew what was heard, and no more than one answer that was not: cut off at the end of the text, or under way. */
function isHeard({ seats, heardTokens, ...attempt }: ReceiptedAttempt, exit: Receipt): boolean {
  const drawn = createReceiptChain(attempt)
  const unheard = exit.outSteps - heardTokens.length
  // The entry took with it what it had not told.
  const isCutOff = seats[0]!.isExempt === true && unheard > exit.lastTokens.length
  if (isCutOff && !attempt.isComplete) return true
  if (unheard < 0 || unheard > exit.lastTokens.length) return false
  const tokens = [...heardTokens, ...exit.lastTokens.slice(exit.lastTokens.length - unheard)]
  return exit.outHead === headOf(extend(drawn, ...linksOfTokens(tokens, 0)))
}

function faultsOfBoundaries({ seats, isComplete }: ReceiptedAttempt, sound: ReadonlyMap<number, Receipt>) {
  const faults: ReceiptFault[] = []
  seats.slice(1).forEach(({ seat, layers }, index) => {
    const before = seats[index]!
    const pair = [before.seat, seat] as const
    const [from, to] = [sound.get(before.seat), sound.get(seat)]
    const broken = (words: string) => faults.push({ fault: 'broken', seats: pair, words })
    if (before.layers.end !== layers.start) broken(`Seats ${pair.join(' and ')} leave layers out, or hold them twice.`)
    else if (from === undefined || to === undefined) return
    else if (from.nonce !== to.nonce) broken(`Seats ${pair.join(' and ')} name different nonces.`)
    else if (!hasMet(from, to, isComplete))
      broken(`What seat ${pair[0]} says it sent is not what seat ${pair[1]} says it received.`)
  })
  return faults
}

/** Of an attempt that was cut short the last frames may not have arrived: the receiver's chain is then one that the sender's passed. */
function hasMet(from: Receipt, to: Receipt, isComplete: boolean): boolean {
  const ahead = from.outSteps - to.inSteps
  if (ahead === 0) return from.outHead === to.inHead
  if (ahead < 0 || isComplete) return false
  const width = 2 * recentHeadBytes
  const at = from.recent.length - ahead * width
  return at >= 0 && from.recent.slice(at, at + width) === to.inHead.slice(0, width)
}

/** The recent heads of a chain, as a receipt carries them. */
export function recentOf(chain: ReceiptChain): string {
  return settleChain(chain)
    .recent.map(head => bytesToHex(head.subarray(0, recentHeadBytes)))
    .join('')
}
