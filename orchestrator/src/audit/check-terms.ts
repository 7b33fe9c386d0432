/** What the desk binds itself to before an attempt begins: a secret, and how often and how far each of its seats is checked. */
import { type CheckPolicy, commitmentOf, defaultCheckPolicy, policyUnmeasured } from '@computepool/shared/audit'
import type { Entropy } from '@computepool/shared/ports'
import type { CheckTerms, Seat } from '@computepool/shared/wire'
import { operatorOf } from '../receipts/operator-of.ts'
import type { SentAttempt } from '../receipts/receipt-book.ts'

export type { CheckTerms }

export interface DrawnTerms {
  /** 32 bytes, hex. */
  readonly secret: string
  readonly terms: CheckTerms
  /** Of both, hex: what every receipt of the attempt repeats. */
  readonly nonce: string
}

export interface TermsSource {
  readonly entropy: Entropy
  readonly manifestSha256: string
  /** Chance that an operator's seat is checked on an attempt, of whom the pool's least is `least`. */
  readonly checkRateOf: (operator: string, least: number) => number
  /** Default: `defaultCheckPolicy`. */
  readonly policy?: CheckPolicy | undefined
  /** By what its peer said when it joined: somebody measured how far such an engine may lie off. Default: of all. */
  readonly isJudged?: ((seat: Seat) => boolean) | undefined
}

export function drawTerms(
  { entropy, manifestSha256, checkRateOf, policy = defaultCheckPolicy, isJudged = () => true }: TermsSource,
  { seats, job }: Pick<SentAttempt, 'seats'> & { readonly job: Pick<SentAttempt['job'], 'sampling'> },
  policyOf = (seat: Seat): CheckPolicy => {
    const rate = checkRateOf(operatorOf(seat.peer), policy.rate)
    return { ...(isJudged(seat) ? policy : policyUnmeasured(policy)), rate }
  },
): DrawnTerms {
  const secret = Buffer.from(entropy.bytes(32)).toString('hex')
  const terms = { manifestSha256, policies: seats.map(policyOf), sampling: job.sampling }
  return { secret, terms, nonce: commitmentOf(secret, terms) }
}
