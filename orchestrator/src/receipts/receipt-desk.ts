/** Receipts as the desk has them: session keys, the book of what is owed, and whose units are withheld, put together. */
import type { Clock } from '@computepool/shared/ports'
import type { ReceiptVerdict } from '@computepool/shared/receipts'
import type { DeskRequest } from '@computepool/shared/wire'
import { createBrokenReceipts } from './broken-receipts.ts'
import { operatorOf } from './operator-of.ts'
import { createPeerPulse } from './peer-pulse.ts'
import { createReceiptBook, type ReceiptBook, type ReceiptBookOptions, type SettledAttempt } from './receipt-book.ts'
import { createSessionKeys, type SessionKeysOptions } from './session-keys.ts'
import { createWithheldUnits, type KeptWithheld, type WithheldUnits } from './withheld-units.ts'

export interface ReceiptDeskOptions extends SessionKeysOptions {
  readonly clock: Clock
  /** The receipts of an attempt were settled. */
  readonly onSettled: (verdict: ReceiptVerdict, attempt: SettledAttempt) => void
  readonly remind?: ReceiptBookOptions['remind']
  /** What two neighbours' receipts say of what passed between them does not meet. Wallets. */
  readonly onQuarrel?: (operators: readonly [string, string]) => void
  /** It broke so many receipts, with others each time, that it is the one. A wallet. */
  readonly onBroken?: (operator: string) => void
  /** What a wallet's checks have earned it, in [0, 1). Default: nothing, and nobody's quarrels bar anybody. */
  readonly trustOf?: ((operator: string) => number) | undefined
  /** Where it is kept whose units are withheld. Default: in memory. */
  readonly keptWithheld?: KeptWithheld | undefined
  /** Units were withheld, or less is left to give for them. */
  readonly onChange: () => void
}

export interface ReceiptDesk {
  /** For whoever sends attempts. */
  readonly book: Pick<ReceiptBook, 'sent' | 'ended' | 'forget'>
  readonly withheld: Pick<WithheldUnits, 'isWithheld' | 'reasonOf'>
  /** With which a peer signs, hex, as its wallet vouched for it; null: there is none, or not yet. */
  sessionKeyOf(peer: string): string | null
  /** Anything that a peer says. */
  heard(peer: string, request: DeskRequest): void
  gone(peer: string): void
  /** It stood still a moment ago, or stands still: what it did not do then it could not. */
  isQuiet(peer: string): boolean
  /** The seat as it is shown: whose units are withheld reads why, before anything else. */
  shown<S extends { readonly peer: string; readonly reason?: string | undefined }>(seat: S): S
  close(): void
}

/** Longer than a check waits for what is handed over. */
const quietMs = 90_000

export function createReceiptDesk({ onSettled, onChange, ...options }: ReceiptDeskOptions): ReceiptDesk {
  const { clock } = options
  const withheld = createWithheldUnits(options.keptWithheld)
  const keys = createSessionKeys(options)
  const pulse = createPeerPulse(clock)
  const broken = createBrokenReceipts(clock, options.trustOf ?? (() => 0))

  /** Each operator once, however many seats it holds; one that failed at one of them has not given. */
  const settle = (verdict: ReceiptVerdict, attempt: SettledAttempt): void => {
    const { faults, whole } = verdict
    const { seats } = attempt
    const wallet = (seat: number): string => operatorOf(seats[seat]!.peer)
    const failed = new Map<string, string>()
    for (const { seats: blamed, words } of faults) {
      for (const operator of blamed.map(wallet)) if (!failed.has(operator)) failed.set(operator, words)
    }
    const gave = new Set(whole.map(wallet).filter(operator => !failed.has(operator)))
    const hadChanged = [
      ...[...failed].map(([operator, words]) => withheld.failed(operator, words)),
      ...[...gave].map(withheld.gave),
    ]
    const quarrels = broken.quarrels(faults, wallet)
    for (const pair of quarrels) options.onQuarrel?.(pair)
    for (const operator of broken.noted(quarrels)) options.onBroken?.(operator)
    onSettled(verdict, attempt)
    if (hadChanged.includes(true)) onChange()
  }

  const book = createReceiptBook({
    clock,
    pulse,
    keyOf: keys.of,
    onSettled: settle,
    ...(options.remind === undefined ? {} : { remind: options.remind }),
  })
  return {
    book,
    withheld,
    sessionKeyOf: peer => keys.of(peer)?.key ?? null,
    heard: (peer, request) => {
      pulse.heard(peer, request.type === 'stats-reported')
      if (request.type === 'peer-joined') keys.joined(peer, request.sessionKey)
      book.heard(peer, request)
    },
    gone: peer => {
      book.gone(peer)
      keys.gone(peer)
      pulse.gone(peer)
    },
    isQuiet: peer => clock.monotonicMs() - pulse.quietUntil(peer) < quietMs && pulse.quietUntil(peer) > 0,
    shown: seat => {
      const why = withheld.reasonOf(operatorOf(seat.peer))
      if (why === null) return seat
      return { ...seat, reason: seat.reason === undefined ? why : `${why} ${seat.reason}` }
    },
    close: book.close,
  }
}
