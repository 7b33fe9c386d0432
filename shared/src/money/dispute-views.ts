/** What anybody may see of disputes: who is accused of what, where the evidence lies, how it stands and what money moved. It knows no chain. */
import { z } from 'zod'
import { breachReasonSchema } from '../coalition/coalition-values.ts'
import { atomicSchema } from './amounts.ts'
import { addressSchema, hashSchema } from './money-views.ts'

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/)

/**
 * `recorded`: convicted, and not on the chain (yet, or ever: an unstaked pool). `accused`: the bond lies there and the accused may answer.
 * `settled`: whatever the verdict moved has been moved.
 */
export const disputeStateSchema = z.enum([
  'recorded',
  'accused',
  'voting',
  'guilty',
  'innocent',
  'undecided',
  'settled',
])
export type DisputeState = z.infer<typeof disputeStateSchema>

/** One auditor's word, as the chain has it. */
export const disputeVoteSchema = z.object({
  auditor: addressSchema,
  isGuilty: z.boolean(),
  transaction: hashSchema,
  /** Whose wallet sent it. */
  sender: addressSchema,
  /** `own-keeper`: the auditor's own wallet. `relay`: the pool's. Null: another one, of whose owner the chain says nothing. */
  by: z.enum(['own-keeper', 'relay']).nullable(),
})
export type DisputeVote = z.infer<typeof disputeVoteSchema>

export const disputeViewSchema = z.object({
  id: z.string().min(1).max(100),
  /** Of the registry; null where nothing is staked. */
  coalition: z.string().max(78).nullable(),
  accused: addressSchema,
  reason: breachReasonSchema,
  state: disputeStateSchema,
  openedAtMs: z.number().int().nonnegative(),
  /** The bundle's SHA-256, and where this pool serves it; null where a breach leaves none. */
  evidence: z.object({ sha256: sha256Schema, path: z.string().max(200) }).nullable(),
  bondAtomic: atomicSchema,
  /** Taken from the stake; null before a verdict is settled, and where nothing was. */
  slashedAtomic: atomicSchema.nullable(),
  /** Part of it that went back to the harmed session's payer. */
  payerAtomic: atomicSchema.nullable(),
  transactions: z.array(z.object({ what: z.string().max(100), hash: hashSchema })).max(100),
  /** What auditors need to find it on the chain, and how the vote stands; null until the accusation is there. */
  onChain: z
    .object({
      chainId: z.number().int().positive(),
      registry: addressSchema,
      /** The registry's number of it. */
      dispute: z.string().regex(/^[1-9]\d{0,77}$/),
      accuser: addressSchema,
      /** Unix seconds of the chain: the last of each window. */
      respondUntil: z.number().int(),
      voteUntil: z.number().int(),
      quorum: z.number().int(),
      guiltyVotes: z.number().int(),
      innocentVotes: z.number().int(),
      /** Each of them; absent where a pool does not tell. */
      votes: z.array(disputeVoteSchema).max(64).optional(),
    })
    .nullable()
    .optional(),
  /** Why it is not on the chain, or what is still owed. */
  note: z.string().max(1000).nullable().optional(),
})
export type DisputeView = z.infer<typeof disputeViewSchema>

/** `GET /api/disputes`: newest first, at most 200. */
export const disputesSchema = z.object({ disputes: z.array(disputeViewSchema).max(200) })
