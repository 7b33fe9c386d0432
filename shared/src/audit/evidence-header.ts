/**
 * What a bundle of evidence says in words: whose attempts, which check, what was received and sent as the links of the receipts' chains,
 * and what an auditor found. The rows themselves lie behind it as bytes. It knows no file and no engine.
 *
 * Versions, engines, tolerance and finding are the accuser's word, signed by nobody: whoever judges takes the tolerance from a table of
 * their own, and finds for themselves. Model, policies and sampling are the desk's, bound by the nonce in the accused's own receipt.
 */
import { z } from 'zod'
import { samplingParamsSchema } from '../pipeline/sampling-params.ts'
import { receiptSchema } from '../receipts/receipt.ts'
import { sessionKeySchema } from '../receipts/session-key.ts'
import { checkTermsSchema, drawRunSchema } from '../wire/audit-messages.ts'
import { peerIdSchema } from '../wire/peer-id.ts'

const digest = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.int().min(0).max(0xffff_ffff)
const tokens = z.array(z.int().nonnegative().max(0xffff_ffff)).max(131_072)
const dtype = z.enum(['f32', 'f16', 'bf16'])
const text = (most: number) => z.string().min(1).max(most)

/** What is written, and all that is read. */
export const evidenceVersion = 3

/** Frames of an attempt that a bundle may name. */
export const maxLinks = 32_768

const linkSchema = z.strictObject({
  position: count,
  rows: z.int().positive().max(1_048_576),
  /** What a receipt's chain hashes beside the payload. */
  terms: z.string().max(2_000_000),
  /** Of the payload. */
  sha256: digest,
})
/** One frame of activations as the receipts' chains have it. */
export type EvidenceLink = z.infer<typeof linkSchema>

export const evidenceFramesSchema = z.strictObject({
  kind: z.literal('frames'),
  dtype,
  hidden: z.int().positive().max(65_536),
  /** All frames of the attempt, in the order of the chain; */
  links: z.array(linkSchema).max(maxLinks),
  /** the payloads of the first so many lie behind the header. */
  held: z.int().nonnegative().max(maxLinks),
  /** and those of `count` further ones, from link `from` on: an exit's rows from which draws are made again. */
  apart: z
    .strictObject({ from: z.int().nonnegative().max(maxLinks), count: z.int().positive().max(maxLinks) })
    .optional(),
})
export type EvidenceFrames = z.infer<typeof evidenceFramesSchema>

const sideSchema = z.strictObject({ kind: z.enum(['webgpu', 'wasm', 'native']), dtype })
const sectionSchema = z.strictObject({ sizeBytes: z.int().nonnegative(), sha256: digest })

const incomingSchema = z.discriminatedUnion('kind', [
  evidenceFramesSchema,
  /** The entry's: all tokens it was sent, from which it computed those from `position` on, and what it told was drawn. */
  z.strictObject({ kind: z.literal('text'), tokens, position: count, told: tokens }),
])

const attemptSchema = z.strictObject({
  receipt: receiptSchema,
  /** As the accused's wallet vouched for it. */
  key: sessionKeySchema,
  incoming: incomingSchema,
})
/** What the accused received of one attempt, and signed for. */
export type EvidenceAttempt = z.infer<typeof attemptSchema>

export const evidenceHeaderSchema = z.strictObject({
  format: z.literal('computepool-evidence'),
  version: z.literal(evidenceVersion),
  versions: z.strictObject({ computepool: text(40), protocol: count }),
  model: z.strictObject({ name: text(120), quantisation: z.enum(['q4', 'q8', 'f16', 'f32']) }),
  accused: z.strictObject({ peer: peerIdSchema }),
  check: z.strictObject({
    secret: digest,
    terms: checkTermsSchema,
    positions: z.int().positive().max(1_048_576),
    endPosition: z.int().positive().max(1_048_576),
    /** At an exit: which draws were to be made again. */
    draws: drawRunSchema.nullable(),
  }),
  /** The last is judged; those before it left the caches that it began with. */
  attempts: z.array(attemptSchema).min(1).max(16),
  /** The seat behind, which received what the accused sent in the last attempt. */
  after: z.strictObject({ peer: peerIdSchema, receipt: receiptSchema, key: sessionKeySchema }).nullable(),
  /** Of the last attempt: what it sent on, or at an exit the rows that its head took. */
  outgoing: evidenceFramesSchema,
  /** What an exit drew of them; null at any other seat. */
  draws: z
    .strictObject({
      firstPosition: z.int().positive().max(1_048_576),
      tokens,
      params: samplingParamsSchema,
      /** As they came with the first frame: none where no penalty asks for them. */
      generated: tokens,
      prompt: tokens,
    })
    .nullable(),
  engines: z.strictObject({ accused: sideSchema, auditor: sideSchema }),
  tolerance: z.strictObject({
    relative: z.number().positive().max(1),
    logit: z.number().positive().max(100),
    nearTieShare: z.number().min(0).max(1).optional(),
  }),
  /** What the auditor who accuses found; whoever replays finds it again, or does not. A worst that is no number is told as 1e300. */
  finding: z.strictObject({
    isHonest: z.boolean(),
    positions: count,
    worst: z.number().nonnegative(),
    worstPosition: count,
    over: count,
    different: count,
    nearTies: count,
  }),
  sections: z.strictObject({ incoming: sectionSchema, outgoing: sectionSchema }),
})
export type EvidenceHeader = z.infer<typeof evidenceHeaderSchema>

/** What is judged: the header without what its accuser adds. */
export type EvidenceCase = Pick<EvidenceHeader, 'accused' | 'check' | 'attempts' | 'after' | 'outgoing' | 'draws'>
