/** What anybody may see of the pool: who holds what, and what was measured. Served by `GET /api/pool` and its event stream. */
import { z } from 'zod'
import { attestationKinds } from '../attestation/attestation-body.ts'
import { breachReasonSchema } from '../coalition/coalition-values.ts'

const ms = z.number().nonnegative()
const count = z.int().nonnegative()
const atomic = z.string().regex(/^(0|[1-9][0-9]{0,77})$/)

/** What the pool thinks of a seat's operator: weight 0..1 in placement, trust 0..1, checks that it met and those that it failed. */
const seatStandingSchema = z.strictObject({
  weight: z.number().min(0).max(1),
  trust: z.number().min(0).max(1),
  checked: z.number().nonnegative(),
  failed: z.number().nonnegative(),
})

const poolSeatSchema = z.strictObject({
  seat: z.int().nonnegative(),
  peer: z.string(),
  layers: z.strictObject({ start: z.int(), end: z.int() }),
  engine: z.enum(['webgpu', 'wasm', 'native']),
  device: z.string(),
  status: z.enum(['assigned', 'downloading', 'loading', 'testing', 'ready', 'draining', 'lost']),
  /** 0..1 while downloading. */
  progress: z.number().min(0).max(1).nullable(),
  msPerLayer: ms,
  /** Of the last step, measured by the tab. */
  computeMs: ms.nullable(),
  /** Round trip of the link to the next seat (the exit's: to the entry). */
  linkRttMs: ms.nullable(),
  linkKind: z.enum(['loopback', 'webrtc', 'axl', 'relay']).nullable(),
  /** Of large frames on that link. */
  linkBytesPerSecond: z.number().nonnegative().nullable(),
  /** Why it holds so much, and why not more, in words. */
  reason: z.string().optional(),
  /** Nobody measured how far such an engine may lie from an auditor’s: checks of its work prove nothing. Absent otherwise. */
  isJudged: z.literal(false).optional(),
  standing: seatStandingSchema.optional(),
  /** Its operator's stake lies on the chain for this ring's coalition; absent where the pool asks for none. */
  isStaked: z.boolean().optional(),
})
/** A peer that passes sealed datagrams on, and whom it serves now; nobody where no link needs it. */
const poolRelaySchema = z.strictObject({
  peer: z.string(),
  members: z.array(
    z.strictObject({
      peer: z.string(),
      /** From this member, since its assignment; null before the relay said so. */
      forwardedBytes: z.number().nonnegative().nullable(),
      refusedBytes: z.number().nonnegative().nullable(),
    }),
  ),
})
/** A coalition, and who stands by for it. */
const poolRingSchema = z.strictObject({
  id: z.string(),
  status: z.enum(['forming', 'ready', 'draining']),
  seats: z.array(poolSeatSchema),
  standbys: z.array(
    z.strictObject({
      peer: z.string(),
      /** The seat that it can take over; null: it loads for the ring that will replace this one. */
      seat: z.int().nonnegative().nullable(),
      layers: z.strictObject({ start: z.int(), end: z.int() }),
      /** It holds the layers. */
      isReady: z.boolean(),
    }),
  ),
  /** As it was placed. */
  plannedLapMs: ms,
  /** By the speeds and links measured since; null where a seat is not here. */
  expectedLapMs: ms.nullable(),
  /** Its coalition on the chain: id as a decimal string, and how many of its members' stakes lie there. */
  stake: z
    .strictObject({
      state: z.enum(['none', 'offered', 'proposed', 'active', 'resplitting']),
      coalition: atomic.nullable(),
      staked: count,
      of: count,
    })
    .optional(),
})
export const poolSnapshotSchema = z.strictObject({
  model: z.string(),
  layers: z.int().positive(),
  context: z.int().positive(),
  status: z.enum(['waiting', 'forming', 'ready']),
  /** In words: what is missing, or what happens next. */
  explanation: z.string(),
  seats: z.array(poolSeatSchema),
  relays: z.array(poolRelaySchema),
  /** Joined, but with no seat. */
  waitingPeers: z.int().nonnegative(),
  /** All coalitions; `seats` and `relays` are of one of them. */
  rings: z.array(poolRingSchema).optional(),
  activeRequests: z.int().nonnegative(),
  queuedRequests: z.int().nonnegative(),
  /** The last laps, newest last: where one token's time went. */
  lastLap: z
    .strictObject({
      requestId: z.string(),
      lapMs: ms,
      hops: z.array(z.strictObject({ seat: z.int(), computeMs: ms, queueMs: ms })),
      wireMs: ms,
    })
    .nullable(),
  /** Counts every lap since the pool began: the ring pulses when it grows. */
  laps: z.int().nonnegative(),
  tokensPerSecond: ms.nullable(),
  /** `unstaked`: nobody loses money for cheating here. The amount is each member's, in USDC's atomic units; 0 where unstaked. */
  stake: z.strictObject({ mode: z.enum(['unstaked', 'staked']), amountAtomic: atomic }).optional(),
  /** Since the orchestrator began; each drawn check ends as one of the five, or still runs. */
  checks: z
    .strictObject({
      drawn: count,
      agreed: count,
      differs: count,
      /** Handed over was not what was signed for, or nothing came. */
      withheld: count,
      /** There was no auditor, or none finished. */
      unanswered: count,
      /** Nobody measured how far two such engines may lie apart. */
      unjudged: count,
      /** Of the auditors, together. */
      computeMs: ms,
      /** Short requests of the pool's own through idle rings, to check them; absent: it makes none. */
      challenges: count.optional(),
      /**
       * Slices held without a seat that were challenged: how many met what another computed, were found wrong by two others, or came to nothing (not
       * answered, not judged, nobody to decide). Absent: it challenges none.
       */
      slices: z.strictObject({ proved: count, wrong: count, unproved: count }).optional(),
      /** Checks that two auditors computed, one not knowing of the other: their sketches were compared. */
      audited: count.optional(),
      /** Of those, in which the two had not computed the same; and auditors that a third one showed not to have computed at all. */
      disputed: count.optional(),
      lazy: count.optional(),
      /** Answers that were refused: their auditor had not said first what it computed. */
      uncomputed: count.optional(),
    })
    .optional(),
  /** Auditors (wallets, lower case) with units beside the rings' operators, for checks of the last hour that came out right; absent: none. */
  auditPay: z.array(z.strictObject({ operator: z.string(), checks: count, units: count })).optional(),
  /** What vouches for the orchestrator, and never for a peer; absent: it does not say. */
  attestation: z.enum(['none', ...attestationKinds]).optional(),
  disputes: z.strictObject({ open: count, slashed: count }).optional(),
  /** Wallets (lower case) that evidence convicted since the orchestrator began, newest first. Their seats are others' by now, or soon. */
  convicted: z
    .array(
      z.strictObject({
        operator: z.string(),
        what: breachReasonSchema,
        atMs: ms,
        /** Where this pool serves the bundle. */
        evidencePath: z.string().max(200).nullable(),
      }),
    )
    .max(8)
    .optional(),
})
/** The pool as the page draws it. */
export type PoolSnapshot = z.infer<typeof poolSnapshotSchema>
