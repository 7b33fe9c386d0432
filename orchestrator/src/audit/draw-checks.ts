/**
 * Which seats of a settled attempt are checked, and all that an auditor is told of it: drawn by the secret that the desk had bound itself to and by what
 * the seats signed. It chooses nobody, and knows no auditor.
 */
import { digestOfReceipt, type PlannedCheck, planChecks } from '@computepool/shared/audit'
import type { LayerRange } from '@computepool/shared/model'
import type { ReceiptVerdict } from '@computepool/shared/receipts'
import type { CheckedAttempt } from '@computepool/shared/wire'
import type { SettledAttempt } from '../receipts/receipt-book.ts'
import type { AttemptLog, LoggedAttempt } from './attempt-log.ts'

export interface DrawnCheck {
  readonly attempt: LoggedAttempt & { readonly settled: SettledAttempt }
  readonly seat: number
  readonly layers: LayerRange
  readonly accused: string
  /** Who tells what the seat sent: the seat behind, or the exit itself. */
  readonly sentFrom: string
  /** Null: the text is all that the seat received. */
  readonly receivedFrom: string | null
  /** The last is the one that is checked; those before left the cache that it began with. */
  readonly attempts: readonly CheckedAttempt[]
  readonly positions: number
  readonly endPosition: number
  /** At the exit: which of its draws are made again. */
  readonly draws: PlannedCheck['draws']
}

/** The wire's cap on attempts of one check. */
const mostAttempts = 16

/** Seats that can be checked: their own receipt is whole, and so is the next one's, which says the same of what they sent. */
export function checkableSeats({ whole }: ReceiptVerdict, settled: SettledAttempt): ReadonlySet<number> {
  const { receipts, keys, seats } = settled
  const hasMet = (seat: number): boolean => {
    if (!whole.includes(seat) || keys.get(seat) == null) return false
    if (seat === seats.length - 1) return true
    // Of an attempt that was cut short the last frames may not have arrived.
    return whole.includes(seat + 1) && receipts.get(seat)!.outHead === receipts.get(seat + 1)!.inHead
  }
  return new Set(seats.map(({ seat }) => seat).filter(hasMet))
}

/** `missed`: seats that were drawn, but began with a cache whose attempt cannot be shown any more. */
export function drawChecks(
  log: AttemptLog,
  attempt: DrawnCheck['attempt'],
): { readonly checks: readonly DrawnCheck[]; readonly missed: number } {
  const { settled, checkable, secret, terms } = attempt
  const { seats, job, receipts, keys } = settled
  const keptPositions = job.reuse?.positions ?? 0
  const positions = textOf(settled).length + settled.tokens.length - 1
  if (positions <= keptPositions) return { checks: [], missed: 0 }
  // Of one whose neighbour behind signed nothing it is seen that it was not checked.
  const isShielded = (seat: number): boolean =>
    receipts.has(seat) && keys.get(seat) != null && seat + 1 < seats.length && !receipts.has(seat + 1)
  const isDrawable = (seat: number): boolean => checkable.has(seat) || isShielded(seat)
  const planned = planChecks({
    secret: Buffer.from(secret, 'hex'),
    attempt: job.requestId,
    receiptHeads: seats.map(({ seat }) => (isDrawable(seat) ? digestOfReceipt(receipts.get(seat)!) : null)),
    positions,
    keptPositions,
    firstDraw: seat => (seat === seats.length - 1 ? textOf(settled).length : null),
    policies: terms.policies,
  })
  const checks = planned.flatMap(({ seat, endPosition, draws }) => {
    const attempts = chainOf(log, attempt, seat)
    if (attempts === null) return []
    const { peer: accused, layers } = seats[seat]!
    const sentFrom = (seats[seat + 1] ?? seats[seat]!).peer
    const receivedFrom = seat === 0 ? null : accused
    return [{ attempt, seat, layers, accused, sentFrom, receivedFrom, attempts, positions, endPosition, draws }]
  })
  return { checks, missed: planned.length - checks.length }
}

/** Prompt, and what was drawn before: all tokens that the entry was sent. */
const textOf = ({ job }: SettledAttempt): number[] => [...job.promptTokens, ...(job.generatedTokens ?? [])]

/**
 * Whether an attempt that begins with this one's cache could be checked at each seat: not where one before it could not, nor where they are too many.
 * The last one's receipts may be still to come.
 */
export function canCheckUpon(log: AttemptLog, requestId: string): boolean {
  let id: string | undefined = requestId
  for (let length = 0; id !== undefined; length++) {
    const each = log.of(id)
    if (each === null || length === mostAttempts - 1) return false
    const { seats, job } = each.sent
    if (each.settled === null ? length > 0 : each.checkable.size < seats.length) return false
    id = job.reuse?.requestId
  }
  return true
}

/** From the first to the one that is checked; null where one of them is not known whole at this seat and the next. */
function chainOf(log: AttemptLog, last: DrawnCheck['attempt'], seat: number): CheckedAttempt[] | null {
  const { seats } = last.settled
  const chain: CheckedAttempt[] = []
  let positions = textOf(last.settled).length + last.settled.tokens.length - 1
  for (let each: LoggedAttempt | null = last; each !== null; ) {
    const { settled, checkable } = each
    const isOfSeat =
      settled?.seats[seat]?.peer === seats[seat]!.peer && settled.seats[seat + 1]?.peer === seats[seat + 1]?.peer
    if (settled === null || !isOfSeat || !checkable.has(seat) || chain.length === mostAttempts) return null
    chain.unshift(shownAttempt(settled, seat, positions))
    const { reuse } = settled.job
    if (reuse === undefined) return chain
    positions = reuse.positions
    each = log.of(reuse.requestId)
  }
  return null
}

function shownAttempt(settled: SettledAttempt, seat: number, positions: number): CheckedAttempt {
  const { job, coalition, epoch, receipts, keys, tokens } = settled
  return {
    requestId: job.requestId,
    coalition,
    epoch,
    positions,
    receipt: receipts.get(seat)!,
    after: receipts.get(seat + 1) ?? null,
    key: keys.get(seat)!,
    afterKey: keys.get(seat + 1) ?? null,
    text: seat === 0 ? { tokens: textOf(settled), position: job.reuse?.positions ?? 0, told: [...tokens] } : null,
  }
}
