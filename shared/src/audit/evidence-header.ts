/**
 * What a bundle of evidence says in words: whose attempt, which check, what was received and sent as the links of the receipts' chains,
 * and what an auditor found. The rows themselves lie behind it as bytes. It knows no file and no engine.
 *
 * Versions, model, peer, policy, engines, tolerance and finding are the accuser's word, signed by nobody: whoever judges takes the model
 * from the coalition's terms, the policy from the pool, the tolerance from a table of their own, and finds for themselves.
 */
import { z } from 'zod'
import { samplingParamsSchema } from '../pipeline/sampling-params.ts'
import { receiptSchema } from '../receipts/index.ts'
import { checkPolicySchema } from './check-policy.ts'

const digest = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.int().min(0).max(0xffff_ffff)
const tokens = z.array(z.int().nonnegative().max(0xffff_ffff)).max(131_072)
const dtype = z.enum(['f32', 'f16', 'bf16'])
const text = (most: number) => z.string().min(1).max(most)

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

const framesSchema = z.strictObject({
  kind: z.literal('frames'),
  dtype,
  hidden: z.int().positive().max(65_536),
  /** All frames of the attempt, in the order of the chain; */
  links: z.array(linkSchema).max(maxLinks),
  /** the payloads of the first so many lie behind the header. */
  held: z.int().nonnegative().max(maxLinks),
})
export type EvidenceFrames = z.infer<typeof framesSchema>

const sideSchema = z.strictObject({ kind: z.enum(['webgpu', 'wasm', 'native']), dtype })
const sectionSchema = z.strictObject({ sizeBytes: z.int().nonnegative(), sha256: digest })
const signedSchema = z.strictObject({ key: digest, receipt: receiptSchema })

export const evidenceHeaderSchema = z.strictObject({
  format: z.literal('computepool-evidence'),
  version: z.literal(1),
  versions: z.strictObject({ computepool: text(40), protocol: count }),
  model: z.strictObject({ name: text(120), manifestSha256: digest, quantisation: z.enum(['q4', 'q8', 'f16', 'f32']) }),
  accused: z.strictObject({ peer: text(120) }),
  check: z.strictObject({
    commitment: digest,
    secret: digest,
    policy: checkPolicySchema,
    positions: z.int().positive().max(1_048_576),
    endPosition: z.int().positive().max(1_048_576),
  }),
  /** The accused's, and those of the seats on either side where it has them. */
  receipts: z.strictObject({
    accused: signedSchema,
    before: signedSchema.nullable(),
    after: signedSchema.nullable(),
  }),
  incoming: z.discriminatedUnion('kind', [
    framesSchema,
    /** The entry's: all tokens it was sent, from which it computed those from `position` on, and what it told was drawn. */
    z.strictObject({ kind: z.literal('text'), tokens, position: count, told: tokens }),
  ]),
  outgoing: z.discriminatedUnion('kind', [
    framesSchema,
    /** The exit's. */
    z.strictObject({
      kind: z.literal('tokens'),
      firstPosition: z.int().positive().max(1_048_576),
      tokens,
      params: samplingParamsSchema,
      /** As they came with the first frame: none where no penalty asks for them. */
      generated: tokens,
      prompt: tokens,
    }),
  ]),
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
    /** Of the recomputed row at `worstPosition`, under the attempt's nonce; empty at an exit. */
    sketch: z.string().regex(/^([0-9a-f]{64})?$/),
  }),
  sections: z.strictObject({ incoming: sectionSchema, outgoing: sectionSchema }),
})
export type EvidenceHeader = z.infer<typeof evidenceHeaderSchema>
