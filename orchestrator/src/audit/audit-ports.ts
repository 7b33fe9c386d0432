/** What the audit desk asks of its pool, and promises to it. Types only; `audit-desk.ts` keeps them. */
import type { BreachReason } from '@computepool/shared/coalition'
import type { Clock, Entropy } from '@computepool/shared/ports'
import type { ReceiptVerdict } from '@computepool/shared/receipts'
import type { FailureKind } from '@computepool/shared/standing'
import type { DeskCommand, DeskRequest, Seat } from '@computepool/shared/wire'
import type { SentAttempt, SettledAttempt } from '../receipts/receipt-book.ts'
import type { AuditShare } from './audit-pay.ts'
import type { AuditorRoster } from './auditor-roster.ts'
import type { CheckFigures, CheckOutcome } from './check-counts.ts'
import type { CheckedEngine } from './check-orders.ts'
import type { TermsSource } from './check-terms.ts'
import type { DrawnCheck } from './draw-checks.ts'
import type { Errands, ErrandsOptions } from './errands.ts'

/** Proven by evidence that anybody can replay. */
export interface Breach {
  readonly operator: string
  readonly peer: string
  /** The attempt's, and its assignment's. */
  readonly requestId: string
  readonly epoch: number
  readonly seat: number
  /** Wallets of its ring. */
  readonly members: readonly string[]
  readonly what: BreachReason
  readonly evidence: { readonly sha256: string; readonly path: string }
}

export interface AuditDeskOptions
  extends TermsSource,
    Pick<ErrandsOptions, 'rings' | 'attach' | 'mostAtOnce' | 'mostQueued'> {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly send: (peer: string, command: DeskCommand) => void
  /** What computes at a peer; null: it never said. */
  readonly engineOf: (peer: string) => CheckedEngine | null
  /** What a check of these layers takes of an auditor's memory, in bytes. */
  readonly bytesOf: (layers: DrawnCheck['layers']) => number
  /** Bytes that a seat keeps of one row that it received, at most. */
  readonly rowBytes: number
  /** Whether it said nothing for a while, or reports stood still: what it did not hand over then is not held against it. */
  readonly isQuiet: (peer: string) => boolean
  /** Auditors of these wallets the pool's owner vouches for. */
  readonly isTrusted: (operator: string) => boolean
  /** It gets no work, and is not asked what others did. */
  readonly isBanned: (operator: string) => boolean
  /** It may be shown what users wrote who asked for ends that may; absent: nobody may whom the owner does not vouch for. */
  readonly mayHoldText?: (operator: string) => boolean
  /** Where bundles lie, and who may leave one; null: nowhere, and nobody is convicted. */
  readonly evidence: {
    readonly path: string
    /** Good for one bundle of this wallet's. */
    openTicket(operator: string, lifeMs: number): string
    /** What the bundle says that it is about; null: it is none, or not there. */
    subjectOf(sha256: string): string | null
    /** Until what is returned is called. */
    holdWhile(sha256: string): () => void
    /** For good: somebody was convicted by it. */
    hold(sha256: string): Promise<void>
  } | null
  /** One more check that its layers met. */
  readonly onChecked: (operator: string) => void
  readonly onFailed: (operator: string, what: FailureKind) => void
  readonly onConvicted: (breach: Breach) => void
  /** Answers fail at its seat, one after the other: others should sit there. */
  readonly onFailing?: (operator: string, why?: string) => void
  readonly onEnded?: (outcome: CheckOutcome, requestId: string) => void
  readonly onFault?: (fault: unknown) => void
}

export interface AuditDesk {
  /** Binds itself to a secret and the rates of its seats: the nonce (hex) goes out with the job. */
  termsFor(attempt: SentAttempt, isChallenge?: boolean): { readonly nonce: string }
  /** Somebody is here who could compute again what one of a ring's seats does. */
  canCheck(seats: readonly Seat[]): boolean
  /** What begins with that attempt's kept cache could be checked. */
  canCheckUpon(requestId: string): boolean
  /** Nobody computes anything again, or waits to, but for `own` errands of whoever asks. Default: none. */
  isIdle(own?: number): boolean
  /** Those who can compute others' layers, for work that is no check. */
  readonly helpers: Pick<Errands, 'add' | 'end'> & Pick<AuditorRoster, 'hasAny'>
  /** Its receipts are there, or overdue: what is drawn of it is checked. */
  settled(verdict: ReceiptVerdict, attempt: SettledAttempt): void
  heard(peer: string, request: DeskRequest): void
  gone(peer: string): void
  /** Rings or standbys have changed. */
  stir(): void
  view(): CheckFigures
  /** Which auditors have units, and how many, for checks that came out right. */
  pay(): readonly AuditShare[]
  close(): void
}
