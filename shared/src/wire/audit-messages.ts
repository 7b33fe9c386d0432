/**
 * What desk, seats and auditors say about checks: who hands over what to whom, what is computed again, and what came of it. Activations go
 * from peer to peer in `handover` frames; here go ids, receipts, tokens that the desk knows already, and findings.
 */
import { z } from 'zod'
import { checkPolicySchema } from '../audit/check-policy.ts'
import { rowSketchDigits } from '../audit/sketch-rows.ts'
import { samplingParamsSchema } from '../pipeline/sampling-params.ts'
import { receiptSchema } from '../receipts/receipt.ts'
import { sessionKeySchema } from '../receipts/session-key.ts'
import { peerIdSchema } from './peer-id.ts'

const epoch = z.int().min(0).max(0xffff_ffff)
const requestId = z.string().min(1).max(64)
const layerRange = z.strictObject({ start: z.int().min(0).max(512), end: z.int().min(1).max(512) })
const hash = z.string().regex(/^[0-9a-f]{64}$/)
const tokens = z.array(z.int().nonnegative().max(0xffff_ffff)).max(131_072)
const position = z.int().min(0).max(1_048_576)
const words = z.string().max(1000)
const rowSketch = z.string().regex(new RegExp(`^[0-9a-f]{${rowSketchDigits}}$`))
const side = z.strictObject({ kind: z.enum(['webgpu', 'wasm', 'native']), dtype: z.enum(['f32', 'f16', 'bf16']) })

/** Positions [from, until) of tokens that an exit drew. */
export const drawRunSchema = z.strictObject({ from: position, until: z.int().positive().max(1_048_576) })

/** Drawn by the desk for one check: `audit:` and hex. It is the request id of the check's `handover` frames too. */
export const checkIdSchema = z.string().regex(/^audit:[0-9a-f]{16,32}$/)

/**
 * What the desk bound itself to before the attempt began: the attempt's nonce is SHA-256 over the secret and these (`commitmentOf`), so
 * that every receipt of it carries the commitment under its seat's signature.
 */
export const checkTermsSchema = z.strictObject({
  manifestSha256: hash,
  /** By seat. */
  policies: z.array(checkPolicySchema).min(1).max(64),
  sampling: samplingParamsSchema,
})
export type CheckTerms = z.infer<typeof checkTermsSchema>

/** One attempt whose frames lie under the check's positions; the last is the one that is checked, those before left the caches that it began with. */
export const checkedAttemptSchema = z.strictObject({
  requestId,
  coalition: z.string().max(64),
  epoch,
  /** Positions of it that count: a later attempt began with so many. The last attempt's: all. */
  positions: z.int().positive().max(1_048_576),
  /** Of the checked seat, and of the one behind it where there is one. */
  receipt: receiptSchema,
  after: receiptSchema.nullable(),
  /** Its session key as its wallet vouched for it. */
  key: sessionKeySchema,
  afterKey: sessionKeySchema.nullable(),
  /** Where the checked seat is the entry: all tokens that it was sent, from which it computed those from `position` on, and what it told. */
  text: z.strictObject({ tokens, position, told: tokens }).nullable(),
})
export type CheckedAttempt = z.infer<typeof checkedAttemptSchema>

export const auditCommands = [
  /** Seat: send what it received of these attempts, up to `endPosition`, to `to`, which is linked or will be. */
  z.strictObject({
    type: z.literal('hand-over'),
    check: checkIdSchema,
    epoch,
    to: peerIdSchema,
    /** `received`: for a check of this seat; `sent`: for one of the seat before, whose output is what this one received. */
    as: z.enum(['received', 'sent']),
    attempts: z.array(requestId).min(1).max(16),
    endPosition: z.int().positive().max(1_048_576),
    /** Exit, with `sent`: its own rows and draws are meant, and the rows of these draws too. Else what it received. */
    draws: drawRunSchema.optional(),
  }),
  /** Auditor: compute these layers again from what the two hand over, and compare. It holds the layers: by `prepare-slice`, where it did not. */
  z.strictObject({
    type: z.literal('run-check'),
    check: checkIdSchema,
    epoch,
    layers: layerRange,
    seat: z.int().min(0).max(63),
    accused: peerIdSchema,
    engine: side,
    attempts: z.array(checkedAttemptSchema).min(1).max(16),
    /** Who sends what the seat received; null: the text is all of it. Who sends what it sent: the seat behind; or the exit itself, with its draws. */
    receivedFrom: peerIdSchema.nullable(),
    sentFrom: peerIdSchema,
    /** Fresh, of the desk: it says `check-computed` under this nonce, and only then is handed over what the seat sent. */
    nonce: hash,
    plan: z.strictObject({
      secret: hash,
      terms: checkTermsSchema,
      positions: z.int().positive().max(1_048_576),
      endPosition: z.int().positive().max(1_048_576),
      draws: drawRunSchema.nullable(),
    }),
    /** Milliseconds from now, after which nobody waits for it. */
    withinMs: z.int().positive().max(600_000),
    /** Where evidence goes (PUT, with the ticket as bearer), at the pool's origin; it is kept by its SHA-256. */
    evidence: z.strictObject({ path: z.string().max(200), ticket: z.string().max(200) }).nullable(),
  }),
  /** Auditor: fetch a bundle that another made, replay it, and say what it proves. */
  z.strictObject({
    type: z.literal('judge-evidence'),
    check: checkIdSchema,
    epoch,
    layers: layerRange,
    path: z.string().max(200),
    sha256: hash,
    withinMs: z.int().positive().max(600_000),
  }),
  z.strictObject({ type: z.literal('drop-check'), check: checkIdSchema }),
] as const

const finding = z.strictObject({
  positions: position,
  worst: z.number().nonnegative(),
  worstPosition: position,
  over: position,
  different: position,
  nearTies: position,
})

export const auditRequests = [
  /** Seat: all of it left. */
  z.strictObject({ type: z.literal('handed-over'), check: checkIdSchema, bytes: z.int().min(0) }),
  /** Seat: it has these frames no more, or never had. Whoever cannot hand over what it signed for owes that check. */
  z.strictObject({ type: z.literal('hand-over-refused'), check: checkIdSchema, words }),
  /** Auditor: what it computed itself, before it has seen what the seat sent (`createRowSketcher`): all rows from the kept positions to the end. */
  z.strictObject({ type: z.literal('check-computed'), check: checkIdSchema, sketch: rowSketch, rows: position }),
  /** Auditor. Where the check had a nonce, nothing else than that it failed or somebody withheld counts without `check-computed`. */
  z.strictObject({
    type: z.literal('check-reported'),
    check: checkIdSchema,
    /**
     * `agreed`, `differs`: it was computed again. `withheld`: what `blamed` handed over is not what it signed for, or did not come.
     * `unjudged`: nobody measured how far two such engines may lie apart. `failed`: the auditor could not; with `blamed`: for want of a link to it.
     */
    outcome: z.enum(['agreed', 'differs', 'withheld', 'unjudged', 'failed']),
    blamed: peerIdSchema.nullable(),
    words,
    computeMs: z.number().min(0).max(1e7),
    finding: finding.nullable(),
    /** With `differs`: the bundle that it left at the pool. */
    evidence: z.strictObject({ sha256: hash, sizeBytes: z.int().positive() }).nullable(),
  }),
  z.strictObject({
    type: z.literal('evidence-judged'),
    check: checkIdSchema,
    sha256: hash,
    /** `unsound`: it is not what it says it is. */
    verdict: z.enum(['guilty', 'innocent', 'unsound', 'unjudged', 'failed']),
    words,
  }),
] as const
