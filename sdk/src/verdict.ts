/** What checking came to: one named check after another, and what they prove together. A refusal is a value; `requireVerified` makes it thrown. */
import type { Hex } from 'viem'
import { PoolError, type PoolErrorKind } from './pool-error.ts'

/** One thing that was looked at. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
}

/** Who vouches: hardware whose quote was verified, a simulation that says so, or nobody. */
export type AttestationLevel = 'hardware' | 'simulated' | 'none'

export interface AttestationVerdict {
  readonly subject: 'attestation'
  /** True for hardware alone, and only where every check passed. */
  readonly verified: boolean
  readonly level: AttestationLevel
  readonly pool: string
  readonly kind: 'tdx-dstack' | 'sgx-gramine' | 'simulated' | 'none'
  /** The key that should have signed answers; null where nobody vouches. */
  readonly signer: Hex | null
  /** What is bound into the evidence: model, manifest, and what it covers. */
  readonly claims: Readonly<Record<string, string>>
  readonly checks: readonly Check[]
}

export interface AnswerVerdict {
  readonly subject: 'answer'
  /** The attested key signed these very bytes, and hardware vouches for the key. */
  readonly verified: boolean
  /** The attested key signed these very bytes, whoever vouches for it. */
  readonly matches: boolean
  readonly level: AttestationLevel
  readonly checks: readonly Check[]
}

export interface ReceiptVerdict {
  readonly subject: 'receipt'
  /** The chain says what the receipt says. */
  readonly verified: boolean
  /** As the vault has it; null where it knows no such session. */
  readonly onChain: { readonly capAtomic: bigint; readonly paidAtomic: bigint; readonly refundedAtomic: bigint } | null
  readonly checks: readonly Check[]
}

export type Verdict = AttestationVerdict | AnswerVerdict | ReceiptVerdict

const kinds: Readonly<Record<Verdict['subject'], PoolErrorKind>> = {
  answer: 'signature_wrong',
  attestation: 'attestation_wrong',
  receipt: 'receipt_wrong',
}

/** Throws where a verdict is not `verified`, with the checks that failed. `allowSimulated`: for pools of test chains, where nothing is at stake. */
export function requireVerified(verdict: Verdict, { allowSimulated = false } = {}): void {
  if (verdict.verified) return
  const isSimulated = verdict.subject !== 'receipt' && verdict.level === 'simulated'
  if (isSimulated && allowSimulated) return
  const failed = verdict.checks.filter(check => !check.ok).map(({ name, detail }) => `${name} (${detail})`)
  const why = isSimulated ? 'nothing but a simulation vouches for it' : failed.join('; ').slice(0, 1000)
  throw new PoolError({
    kind: kinds[verdict.subject],
    code: `sdk_${verdict.subject}_unverified`,
    message: `The ${verdict.subject} is not verified: ${why}.`,
  })
}
