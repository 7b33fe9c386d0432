/**
 * What an operator earned by requests: its share of each one's cost by the units of that request's end, of one vault. The ledger's own
 * reckoning; what the pool has really paid stands on the chain.
 */
import { atomicToWei, type MemberUnits } from '@computepool/shared/money'
import { and, desc, eq, gt } from 'drizzle-orm'
import type { Hex } from 'viem'
import type { Database } from '../store/database.ts'
import { requestsTable, sessionsTable, unitSetsTable } from '../store/ledger-tables.ts'

export interface EarnedSharesOptions {
  readonly vault: string
  readonly operator: Hex
  /** Requests that ended before are left out. */
  readonly sinceMs: number
}

export interface EarnedShare {
  readonly requestId: string
  /** When the request ended. */
  readonly atMs: number
  readonly amountWei: bigint
}

/** Newest first. */
export async function earnedShares(db: Database, options: EarnedSharesOptions): Promise<EarnedShare[]> {
  const vault = options.vault.toLowerCase()
  const operator = options.operator.toLowerCase()
  const sets = (await db.select().from(unitSetsTable).where(eq(unitSetsTable.vault, vault)))
    .map(({ epoch, atMs, members }) => ({ epoch, atMs, members: members as readonly MemberUnits[] }))
    .sort((a, b) => b.epoch - a.epoch)
  const ended = await db
    .select({ id: requestsTable.id, endedAtMs: requestsTable.endedAtMs, costAtomic: requestsTable.costAtomic })
    .from(requestsTable)
    .innerJoin(sessionsTable, eq(sessionsTable.id, requestsTable.sessionId))
    .where(
      and(
        eq(sessionsTable.vault, vault),
        gt(requestsTable.endedAtMs, options.sinceMs),
        gt(requestsTable.costAtomic, 0n),
      ),
    )
    .orderBy(desc(requestsTable.endedAtMs), desc(requestsTable.id))
  return ended.flatMap(({ id, endedAtMs, costAtomic }) => {
    const members = sets.find(({ atMs }) => atMs <= endedAtMs!)?.members ?? []
    const own = members.find(({ member }) => member === operator)?.units ?? 0
    if (own === 0) return []
    const total = members.reduce((sum, { units }) => sum + units, 0)
    // Rounded down, as the pool pays.
    return [{ requestId: id, atMs: endedAtMs!, amountWei: (atomicToWei(costAtomic) * BigInt(own)) / BigInt(total) }]
  })
}
