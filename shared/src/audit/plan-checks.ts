/**
 * Which seats of an attempt are checked, and how far: drawn from a secret that the desk fixed before the attempt began and from what
 * each seat signed when it was over. It knows no engine and no network.
 *
 * Nobody steers it. A seat knows the commitment alone (`commitmentOf`), and the secret is 32 random bytes: whatever it writes into its receipt, or does
 * not write, its draw is as likely to be any other. The desk fixed its secret before the receipts were signed, and an ed25519 signature
 * of another's key, which is part of the digest, cannot be foreseen; nor can it draw again by leaving a receipt out, because a seat's
 * draw hangs on its own receipt and on no other's. What is left: a desk that shares its secret with a seat lets that seat off (it can
 * let it off anyway), and a desk that does not reveal is seen not to.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { ComputePoolError } from '../errors/index.ts'
import { type CheckPolicy, endOf } from './check-policy.ts'
import { digestBytes } from './commitment.ts'

export interface PlanInput {
  readonly secret: Uint8Array
  /** The attempt's id: a secret that is used twice draws twice. */
  readonly attempt: string
  /** By seat: SHA-256 of the receipt as it was signed, signature included; null where none came, and then nothing is planned for it. */
  readonly receiptHeads: readonly (Uint8Array | null)[]
  /**
   * Positions of the text that went through the ring: what a kept cache brought is counted, the last token, which nobody fed, is not.
   */
  readonly positions: number
  /**
   * So many of them the attempt began with, in a kept cache: 0 where it had none. They were another attempt's to check, or a conversation's later
   * turns would hardly ever be.
   */
  readonly keptPositions: number
  /** Position of the first token that the attempt drew, where the seat is its exit; null at any other. */
  readonly firstDraw: (seat: number) => number | null
  /** By seat: told together with the commitment. */
  readonly policies: readonly CheckPolicy[]
}

export interface PlannedCheck {
  readonly seat: number
  /** Positions [0, endPosition) are computed again, and those from `keptPositions` on compared. */
  readonly endPosition: number
  /** At an exit: which of its draws are drawn again from the rows that it signed, whatever `endPosition` is. */
  readonly draws: DrawRun | null
}

/** Positions [from, until) of tokens that were drawn. */
export interface DrawRun {
  readonly from: number
  readonly until: number
}

/** Draws of one check: an exit that draws otherwise does so on few of many, or on all. */
export const mostDrawsJudged = 16

/** The checks of an attempt, by rising seat; the same for everybody who knows the secret and the receipts. Errors: `input_invalid`. */
export function planChecks(input: PlanInput): PlannedCheck[] {
  const { secret, receiptHeads, positions, keptPositions, firstDraw, policies } = input
  const isSound =
    secret.length === digestBytes &&
    Number.isInteger(positions) &&
    Number.isInteger(keptPositions) &&
    keptPositions >= 0 &&
    positions > keptPositions &&
    policies.length === receiptHeads.length &&
    receiptHeads.every(head => head === null || head.length === digestBytes)
  if (!isSound)
    throw new ComputePoolError(
      'input_invalid',
      `No checks can be planned for ${positions} positions, ${keptPositions} of them kept, ${receiptHeads.length} receipts and ${policies.length} policies.`,
      { remedy: 'Give a secret and digests of 32 bytes, and one policy a seat.', context: { positions } },
    )
  const checks: PlannedCheck[] = []
  for (const [seat, head] of receiptHeads.entries()) {
    if (head === null) continue
    const policy = policies[seat]!
    const [coin, branch, place, run] = drawsOf(input, seat, head)
    if (coin >= policy.rate) continue
    const first = firstDraw(seat)
    const draws = first === null ? null : runAmong(first, positions, run)
    // It was cut before it drew.
    if (first !== null && draws === null) continue
    checks.push({ seat, endPosition: keptPositions + endOf(policy, positions - keptPositions, branch, place), draws })
  }
  return checks
}

/** Whether the seat's receipt draws this run from any first token: at which position that lies nobody but the desk may know. */
export function isRunPlanned(input: Omit<PlanInput, 'firstDraw'>, seat: number, { from, until }: DrawRun): boolean {
  const head = input.receiptHeads[seat]
  if (head == null) return false
  const [, , , place] = drawsOf(input, seat, head)
  for (let first = 1; first <= from; first++) {
    const run = runAmong(first, input.positions, place)
    if (run?.from === from && run.until === until) return true
  }
  return false
}

/** The text's last position has no token behind it that anybody fed, but one that was drawn. */
function runAmong(first: number, positions: number, place: number): DrawRun | null {
  const drawn = positions + 1 - first
  if (drawn < 1) return null
  const from = first + Math.floor(place * Math.max(1, drawn - mostDrawsJudged + 1))
  return { from, until: Math.min(first + drawn, from + mostDrawsJudged) }
}

/**
 * Which draws of those that an exit signed for are made again: the planned ones where it signed for all of them, else others in its own range, at a place
 * that hangs on the plan's: one that knew it beforehand would draw as it should there and nowhere else. Null where it drew nothing.
 */
export function runAmongDrawn(planned: DrawRun, drawn: DrawRun): DrawRun | null {
  const count = drawn.until - drawn.from
  if (count < 1) return null
  if (planned.from >= drawn.from && planned.until <= drawn.until) return planned
  const length = Math.min(mostDrawsJudged, count)
  const places = count - length + 1
  const ahead = (planned.from - drawn.from) % places
  const from = drawn.from + (ahead < 0 ? ahead + places : ahead)
  return { from, until: from + length }
}

/** Four numbers in [0, 1) of 53 bits each, a seat. Lengths are fixed or told, so that no two inputs read the same. */
function drawsOf(
  { secret, attempt }: Pick<PlanInput, 'secret' | 'attempt'>,
  seat: number,
  head: Uint8Array,
): [number, number, number, number] {
  const words = new TextEncoder().encode(attempt)
  const label = new TextEncoder().encode('computepool check plan 1\0')
  const bytes = new Uint8Array(label.length + 2 * digestBytes + 8 + words.length)
  const view = new DataView(bytes.buffer)
  bytes.set(label)
  bytes.set(secret, label.length)
  bytes.set(head, label.length + digestBytes)
  view.setUint32(label.length + 2 * digestBytes, seat, true)
  view.setUint32(label.length + 2 * digestBytes + 4, words.length, true)
  bytes.set(words, label.length + 2 * digestBytes + 8)
  const digest = new DataView(sha256(bytes).buffer)
  const at = (offset: number) =>
    ((digest.getUint32(offset, true) >>> 5) * 67108864 + (digest.getUint32(offset + 4, true) >>> 6)) / 2 ** 53
  return [at(0), at(8), at(16), at(24)]
}
