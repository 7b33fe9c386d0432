/** The error table as a developer reads it: what arrives in `error.code`, and who should do what. Pure. */
import { type ErrorCode, type ErrorRow, errorTable, type Retry } from '@computepool/shared/errors'

export interface ErrorRowView {
  readonly code: string
  readonly httpStatus: number
  readonly type: string
  readonly retry: string
}

const retryWords: Readonly<Record<Retry, string>> = {
  never: 'No: change the request first.',
  same: 'Yes, the same request again.',
  other: 'Yes, after the router has chosen other peers.',
  later: 'Yes, after Retry-After seconds.',
}

/** Families that happen between tabs: the router deals with them, and only a failed answer lets them out. */
const insideFamilies = new Set(['peer', 'engine', 'artifact'])

export function errorRows(place: 'api' | 'inside'): ErrorRowView[] {
  const entries = Object.entries(errorTable) as [ErrorCode, ErrorRow][]
  return entries
    .filter(([code]) => insideFamilies.has(code.split('_')[0] ?? '') === (place === 'inside'))
    .map(([code, row]) => ({
      code: row.openaiCode ?? code,
      httpStatus: row.httpStatus,
      type: row.openaiType,
      retry: wordsOf(code, row),
    }))
}

/** Raised in the page before its wallet has paid: no answer of the API carries them. */
const walletCodes: ReadonlySet<ErrorCode> = new Set([
  'payment_challenge_invalid',
  'payment_signature_declined',
  'payment_wallet_failed',
])

function wordsOf(code: ErrorCode, { httpStatus, retry }: ErrorRow): string {
  if (code.startsWith('bug_')) return 'No: a fault of ours, please report it.'
  if (walletCodes.has(code)) return 'In this page only, before anything was paid: do as the message says.'
  return httpStatus === 402 && retry === 'never' ? 'After paying.' : retryWords[retry]
}
