/**
 * How the desk has a slice proved that is held without a seat: it asks two who hold the same layers to compute the same input, made from a seed, and
 * each answers with a sketch of what came out, or, at the exit, with what it would draw. No activation goes anywhere.
 */
import { z } from 'zod'

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const layerRange = z.strictObject({ start: z.int().min(0).max(512), end: z.int().min(1).max(512) })
const token = z.int().nonnegative().max(0xffff_ffff)

/** What it computed on, by its own word. */
const engine = z.strictObject({ kind: z.enum(['webgpu', 'wasm', 'native']), dtype: z.enum(['f32', 'f16', 'bf16']) })

/** Drawn by the desk for one challenge. */
export const challengeIdSchema = z.string().regex(/^challenge:[0-9a-f]{16,32}$/)

/** What came out, under the challenge's nonce. */
export const sliceProofSchema = z.discriminatedUnion('kind', [
  /** `createRowSketcher`: 32 f32. */
  z.strictObject({
    kind: z.literal('rows'),
    engine,
    rows: z.int().positive().max(1024),
    sketch: z.string().regex(/^[0-9a-f]{256}$/),
  }),
  /** The exit's: its likeliest tokens after each of the last positions, with their natural logarithms. */
  z.strictObject({
    kind: z.literal('draws'),
    engine,
    draws: z
      .array(
        z
          .array(z.tuple([token, z.number().min(-1e4).max(1e-3)]))
          .min(1)
          .max(20),
      )
      .min(1)
      .max(64),
  }),
])
export type SliceProof = z.infer<typeof sliceProofSchema>

export const challengeCommands = [
  /** Whoever holds these layers without a seat: compute what the seed makes, from position 0 on, and say what came out. */
  z.strictObject({
    type: z.literal('prove-slice'),
    challenge: challengeIdSchema,
    layers: layerRange,
    seed: hash,
    positions: z.int().positive().max(1024),
    nonce: hash,
    /** Milliseconds from now, after which nobody waits for it. */
    withinMs: z.int().positive().max(600_000),
  }),
  z.strictObject({ type: z.literal('drop-proof'), challenge: challengeIdSchema }),
] as const

export const challengeRequests = [
  z.strictObject({
    type: z.literal('slice-proved'),
    challenge: challengeIdSchema,
    /** Null: it could not, and says why. */
    proof: sliceProofSchema.nullable(),
    /** With a proof: ed25519, hex, of the session key over `sliceProofText`. */
    signature: z
      .string()
      .regex(/^[0-9a-f]{128}$/)
      .nullable(),
    words: z.string().max(1000),
    computeMs: z.number().min(0).max(1e7),
  }),
] as const
