/**
 * What the desk must remember of attempts at answers so that they can be checked: the secret and the terms that it bound itself to, the
 * job, and what its seats signed. Of recent attempts only, and in memory; it sees no activation.
 */
import type { SettledAttempt } from '../receipts/receipt-book.ts'
import type { CheckTerms } from './check-terms.ts'

export interface LoggedAttempt {
  /** 32 bytes, hex: told to nobody before the receipts are there. */
  readonly secret: string
  readonly terms: CheckTerms
  readonly sent: Pick<SettledAttempt, 'seats' | 'job' | 'isTrusted'>
  /** Null while it runs. */
  settled: SettledAttempt | null
  /** Seats whose receipts, and those behind them, were found whole. */
  checkable: ReadonlySet<number>
}

export interface AttemptLog {
  begun(requestId: string, attempt: Pick<LoggedAttempt, 'secret' | 'terms' | 'sent'>): void
  /** Null: not of this log, or forgotten. */
  settled(attempt: SettledAttempt, checkable: ReadonlySet<number>): LoggedAttempt | null
  of(requestId: string): LoggedAttempt | null
  /** Rows of activations that a peer keeps of what came since that attempt began, about: those that it received, and at an exit its own. */
  rowsSince(requestId: string, peer: string): number
}

/** More than kept caches name, whose attempts must be known to check what began with them. */
const mostAttempts = 1024
/** Of text, together: some 32 MB. */
const mostTokens = 4_000_000

export function createAttemptLog(): AttemptLog {
  /** The eldest first. */
  const attempts = new Map<string, LoggedAttempt>()
  let tokens = 0
  const drop = (requestId: string): void => {
    tokens -= tokensOf(attempts.get(requestId))
    attempts.delete(requestId)
  }
  const trim = (): void => {
    for (const requestId of attempts.keys()) {
      if (attempts.size <= mostAttempts && tokens <= mostTokens) return
      drop(requestId)
    }
  }
  return {
    begun: (requestId, attempt) => {
      drop(requestId)
      attempts.set(requestId, { ...attempt, settled: null, checkable: new Set() })
      trim()
    },
    settled: (settled, checkable) => {
      const known = attempts.get(settled.job.requestId)
      if (known === undefined) return null
      known.settled = settled
      known.checkable = checkable
      tokens += tokensOf(known)
      trim()
      return known
    },
    of: requestId => attempts.get(requestId) ?? null,
    rowsSince: (requestId, peer) => {
      const all = [...attempts]
      const from = Math.max(
        0,
        all.findIndex(([id]) => id === requestId),
      )
      return all.slice(from).reduce((sum, [, attempt]) => {
        const { seats } = attempt.sent
        if (!seats.some(seat => seat.peer === peer)) return sum
        return sum + rowsOf(attempt) * (seats.at(-1)?.peer === peer ? 2 : 1)
      }, 0)
    },
  }
}

/** Of an answer that runs: a guess. */
const usualAnswer = 256

function rowsOf({ sent: { job }, settled }: LoggedAttempt): number {
  const text = job.promptTokens.length + (job.generatedTokens?.length ?? 0)
  return text + (settled === null ? Math.min(job.maxTokens, usualAnswer) : settled.tokens.length)
}

function tokensOf(attempt: LoggedAttempt | undefined): number {
  if (attempt === undefined || attempt.settled === null) return 0
  const { job, tokens } = attempt.settled
  return job.promptTokens.length + (job.generatedTokens?.length ?? 0) + tokens.length
}
