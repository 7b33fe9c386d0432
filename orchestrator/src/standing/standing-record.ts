/** What is kept of one wallet across restarts: its standing and why, a conviction, and units that are withheld. It knows no seats. */
import { standingSchema } from '@computepool/shared/standing'
import { z } from 'zod'

const failureKind = z.enum(['wrong-output', 'broken-receipts', 'withheld', 'false-witness', 'lazy-audit'])
const weight = z.number().min(0).max(1)
const words = z.string().max(1000)

/** Changes that are kept, and told. */
export const mostChanges = 20

/** Of one wallet, that can be taken back one by one. */
export const mostConvictions = 16

export const standingRecordSchema = z.strictObject({
  /** Lower case. */
  operator: z.string().regex(/^0x[0-9a-f]{40}$/),
  standing: standingSchema,
  /** Newest first. */
  changes: z
    .array(z.strictObject({ atMs: z.number().nonnegative(), weightBefore: weight, weightAfter: weight, reason: words }))
    .max(mostChanges),
  /** When it was last proven to have cheated; null: never. */
  convictedAtMs: z.number().nonnegative().nullable(),
  /** Convictions that nobody has taken back, the latest last, by the SHA-256 of what proves them. */
  convictions: z
    .array(z.strictObject({ evidence: z.string().max(100), what: failureKind, atMs: z.number().nonnegative() }))
    .max(mostConvictions)
    .optional(),
  /** How often a slice that it held without a seat was challenged, and how often it met what others computed. */
  challenges: z.strictObject({ asked: z.int().min(0), met: z.int().min(0) }).optional(),
  /** Its units, where they are withheld: why, and how many whole receipts it gave since. */
  withheld: z.strictObject({ words, given: z.int().min(0).max(1000) }).nullable(),
})
export type StandingRecord = z.infer<typeof standingRecordSchema>
