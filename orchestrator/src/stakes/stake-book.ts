/**
 * What is under way with stakes, written down before it is done: terms, consents, words of leaving, gifts. Of one registry and one
 * vault; it asks no chain and tells no peer.
 */
import {
  type CoalitionTerms,
  type Consent,
  coalitionTermsSchema,
  consentSchema,
  type Hex,
} from '@computepool/shared/coalition'
import { bigintAsString } from '@computepool/shared/money'
import { and, asc, eq, gt, inArray, ne, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Database } from '../store/database.ts'
import {
  type StakeTermsRow,
  stakeGiftsTable,
  stakeGuiltyTable,
  stakeLeavesTable,
  stakeSpendersTable,
  stakeTermsTable,
} from '../store/stake-tables.ts'

/** Terms on their way, or in force. */
export interface StakeTerms {
  readonly termsHash: Hex
  readonly terms: CoalitionTerms
  readonly state: StakeTermsRow['state']
  /** Null until it is known on the chain. */
  readonly coalition: bigint | null
  readonly consents: readonly Consent[]
  readonly unitsEpoch: number | null
  readonly attempts: number
  readonly nextAtMs: number
  readonly lastError: string | null
}

export interface LeaveToSend {
  readonly id: bigint
  readonly operator: Hex
  readonly version: number
  readonly signature: Hex
  readonly madeAtMs: number
}

export interface SpentRecord {
  readonly operator: string
  /** How often it spent a stake that it had signed. */
  readonly times: number
  /** Wall time: until then nobody is asked for a stake beside it. */
  readonly untilMs: number
}

type Change = Partial<
  Pick<StakeTermsRow, 'state' | 'coalitionId' | 'unitsEpoch' | 'attempts' | 'nextAtMs' | 'lastError' | 'isClosed'>
>

export interface StakeBook {
  /** All terms of coalitions that are not done with, oldest first. */
  open(): Promise<StakeTerms[]>
  offer(terms: CoalitionTerms, termsHash: Hex, nowMs: number): Promise<void>
  /** The operator's last word counts; refused where the terms are not merely offered any more. */
  addConsent(termsHash: Hex, consent: Consent): Promise<readonly Consent[]>
  change(termsHash: Hex, change: Change): Promise<void>
  /** In force: signatures are erased. */
  activated(termsHash: Hex, coalition: bigint): Promise<void>
  /** Came to nothing; signatures are erased. `mayCome`: it is looked for until its time has passed. False where it was over before. */
  over(termsHash: Hex, why: string, options?: { readonly mayCome?: boolean }): Promise<boolean>
  /** Nothing of this coalition is left. */
  close(coalition: bigint): Promise<void>
  addLeave(leave: LeaveToSend): Promise<void>
  leaves(): Promise<LeaveToSend[]>
  dropLeave(id: bigint, operator: string): Promise<void>
  /** Null where it was given nothing yet. */
  gift(operator: string): Promise<{ readonly hash: string | null } | null>
  noteGift(gift: { operator: string; amountAtomic: bigint; hash: string | null; nowMs: number }): Promise<void>
  gifts(): Promise<number>
  guilty(): Promise<Set<string>>
  noteGuilty(operator: string, coalition: bigint): Promise<void>
  /** Whose quiet time ends, or ended, after this; the latest last. */
  spenders(afterMs: number): Promise<SpentRecord[]>
  noteSpender(record: SpentRecord): Promise<void>
}

const consentsSchema = z.array(consentSchema)
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, bigintAsString))

/** `registry` and `vault` in lower case. */
export function createStakeBook(
  db: Database,
  { chainId, registry, vault }: { readonly chainId: number; readonly registry: string; readonly vault: string },
): StakeBook {
  const [terms, leaves, gifts, guilty] = [stakeTermsTable, stakeLeavesTable, stakeGiftsTable, stakeGuiltyTable]
  const spenders = stakeSpendersTable
  const isOurs = and(eq(terms.registry, registry), eq(terms.vault, vault))
  const change: StakeBook['change'] = async (termsHash, values) => {
    const lastError = values.lastError?.slice(0, 1000)
    await db
      .update(terms)
      .set({ ...values, ...(lastError === undefined ? {} : { lastError }) })
      .where(eq(terms.termsHash, termsHash))
  }
  return {
    open: async () => {
      const rows = await db
        .select()
        .from(terms)
        .where(and(isOurs, eq(terms.isClosed, false)))
        .orderBy(asc(terms.madeAtMs), asc(terms.version))
      return rows.map(termsOfRow)
    },
    offer: async (offered, termsHash, nowMs) => {
      await db
        .insert(terms)
        .values({
          ...{ termsHash, registry, vault, version: offered.version, state: 'offered', madeAtMs: nowMs },
          coalitionId: offered.id === 0n ? null : String(offered.id),
          terms: plain(offered),
        })
        .onConflictDoNothing()
    },
    addConsent: (termsHash, consent) =>
      db.transaction(async tx => {
        const [row] = await tx.select().from(terms).where(eq(terms.termsHash, termsHash)).for('update')
        if (row === undefined) return []
        const had = consentsSchema.parse(row.consents)
        if (row.state !== 'offered') return had
        const consents = [...had.filter(({ operator }) => operator !== consent.operator), consent]
        const parties = coalitionTermsSchema.parse(row.terms).parties.length
        const state = consents.length === parties ? 'signed' : 'offered'
        await tx
          .update(terms)
          .set({ consents: plain(consents), state })
          .where(eq(terms.termsHash, termsHash))
        return consents
      }),
    change,
    activated: async (termsHash, coalition) => {
      await db
        .update(terms)
        .set({ state: 'active', coalitionId: String(coalition), consents: [] })
        .where(eq(terms.termsHash, termsHash))
    },
    over: async (termsHash, why, { mayCome = false } = {}) => {
      // A proposal's coalition may be there all the same, with stakes in it: it is looked after until nothing is left.
      const ended = await db
        .update(terms)
        .set({
          state: 'over',
          consents: [],
          lastError: why.slice(0, 1000),
          isClosed: mayCome ? sql`${terms.version} > 0` : sql`${terms.coalitionId} IS NULL OR ${terms.version} > 0`,
        })
        .where(and(eq(terms.termsHash, termsHash), ne(terms.state, 'over')))
        .returning({ termsHash: terms.termsHash })
      return ended.length > 0
    },
    close: async coalition => {
      await db
        .update(terms)
        .set({ isClosed: true })
        .where(and(isOurs, eq(terms.coalitionId, String(coalition))))
    },
    addLeave: async ({ id, ...leave }) => {
      const row = { ...leave, registry, coalitionId: String(id) }
      await db
        .insert(leaves)
        .values(row)
        .onConflictDoUpdate({
          target: [leaves.registry, leaves.coalitionId, leaves.operator],
          set: { version: row.version, signature: row.signature, madeAtMs: row.madeAtMs },
        })
    },
    leaves: async () =>
      (await db.select().from(leaves).where(eq(leaves.registry, registry))).map(row => ({
        id: BigInt(row.coalitionId),
        operator: row.operator as Hex,
        version: row.version,
        signature: row.signature as Hex,
        madeAtMs: row.madeAtMs,
      })),
    dropLeave: async (id, operator) => {
      await db
        .delete(leaves)
        .where(
          and(eq(leaves.registry, registry), eq(leaves.coalitionId, String(id)), inArray(leaves.operator, [operator])),
        )
    },
    gift: async operator => {
      const [row] = await db
        .select({ hash: gifts.hash })
        .from(gifts)
        .where(and(eq(gifts.chainId, chainId), eq(gifts.operator, operator)))
      return row ?? null
    },
    noteGift: async ({ nowMs, ...gift }) => {
      await db
        .insert(gifts)
        .values({ ...gift, chainId, atMs: nowMs })
        .onConflictDoUpdate({ target: [gifts.chainId, gifts.operator], set: { hash: gift.hash } })
    },
    gifts: async () => {
      const [row] = await db.select({ count: sql<string>`count(*)` }).from(gifts).where(eq(gifts.chainId, chainId))
      return Number(row?.count ?? 0)
    },
    guilty: async () =>
      new Set((await db.select().from(guilty).where(eq(guilty.registry, registry))).map(({ operator }) => operator)),
    noteGuilty: async (operator, coalition) => {
      await db
        .insert(guilty)
        .values({ registry, operator, coalitionId: String(coalition) })
        .onConflictDoNothing()
    },
    spenders: async afterMs => {
      const { operator, times, untilMs } = spenders
      return db
        .select({ operator, times, untilMs })
        .from(spenders)
        .where(and(eq(spenders.registry, registry), gt(untilMs, afterMs)))
        .orderBy(asc(untilMs))
    },
    noteSpender: async ({ operator, times, untilMs }) => {
      await db
        .insert(spenders)
        .values({ registry, operator, times, untilMs })
        .onConflictDoUpdate({ target: [spenders.registry, spenders.operator], set: { times, untilMs } })
    },
  }
}

const termsOfRow = (row: StakeTermsRow): StakeTerms => ({
  termsHash: row.termsHash as Hex,
  terms: coalitionTermsSchema.parse(row.terms),
  state: row.state,
  coalition: row.coalitionId === null ? null : BigInt(row.coalitionId),
  consents: consentsSchema.parse(row.consents),
  unitsEpoch: row.unitsEpoch,
  attempts: row.attempts,
  nextAtMs: row.nextAtMs,
  lastError: row.lastError,
})
