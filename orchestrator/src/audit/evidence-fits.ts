/**
 * Whether a bundle is about the check that was asked for: the same seat, receipts, secret and terms as the desk's own. It reads the header's words and
 * no rows: whether they prove anything, auditors compute.
 */
import { createHash } from 'node:crypto'
import { canonicalJson, type EvidenceHeader } from '@computepool/shared/audit'
import type { DrawnCheck } from './draw-checks.ts'

/** What a bundle says that it is about, as a digest. */
export function subjectOfHeader({ accused, check, attempts }: EvidenceHeader): string {
  return digestOf({
    accused: accused.peer,
    secret: check.secret,
    terms: check.terms,
    positions: check.positions,
    endPosition: check.endPosition,
    attempts: attempts.map(({ receipt, key }) => ({ receipt, key })),
  })
}

/** What a bundle about this check says. */
export function subjectOfCheck({ attempt, accused, positions, endPosition, attempts }: DrawnCheck): string {
  return digestOf({
    accused,
    secret: attempt.secret,
    terms: attempt.terms,
    positions,
    endPosition,
    attempts: attempts.map(({ receipt, key }) => ({ receipt, key })),
  })
}

const digestOf = (words: unknown): string => createHash('sha256').update(canonicalJson(words)).digest('hex')
