/** What one operator has earned: its place in the pool from the chain, its days and requests from the ledger. */
import { gdaForwarderAbi, superfluidPoolAbi } from '@computepool/contracts/abi'
import { atomicToWei, type Earnings } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import { and, eq, gt } from 'drizzle-orm'
import type { Hex, PublicClient } from 'viem'
import type { Database } from '../store/database.ts'
import { requestsTable, unitSetsTable } from '../store/ledger-tables.ts'
import type { Ledger } from './ledger.ts'

export interface EarningsOptions {
  readonly client: PublicClient
  readonly db: Database
  readonly ledger: Pick<Ledger, 'earnings'>
  readonly clock: Clock
  readonly vault: Hex
  readonly pool: Hex
  readonly gdaForwarder: Hex
}

const dayMs = 24 * 3600_000
const mostDays = 90

export async function operatorEarnings(options: EarningsOptions, operator: Hex): Promise<Earnings> {
  const { client, ledger, pool, gdaForwarder } = options
  const contract = { address: pool, abi: superfluidPoolAbi } as const
  const args = [operator] as const
  const [units, totalUnits, isConnected, receivedWei, perSecondWei, requests, days] = await Promise.all([
    client.readContract({ ...contract, functionName: 'getUnits', args }),
    client.readContract({ ...contract, functionName: 'getTotalUnits' }),
    client.readContract({
      address: gdaForwarder,
      abi: gdaForwarderAbi,
      functionName: 'isMemberConnected',
      args: [pool, operator],
    }),
    client.readContract({ ...contract, functionName: 'getTotalAmountReceivedByMember', args }),
    client.readContract({ ...contract, functionName: 'getMemberFlowRate', args }),
    ledger.earnings(operator),
    earnedByDay(options, operator),
  ])
  return {
    operator,
    units: Number(units),
    totalUnits: Number(totalUnits),
    pool,
    isConnected,
    receivedWei,
    perSecondWei,
    days,
    requests,
  }
}

/** UTC days, oldest first: each ended request's cost, shared by the units of its end. */
async function earnedByDay({ db, clock, vault }: EarningsOptions, operator: Hex): Promise<Earnings['days']> {
  const member = operator.toLowerCase()
  const sinceMs = clock.wallMs() - mostDays * dayMs
  const sets = (await db.select().from(unitSetsTable).where(eq(unitSetsTable.vault, vault.toLowerCase())))
    .map(({ atMs, members }) => ({ atMs, members: members as ReadonlyArray<{ member: string; units: number }> }))
    .sort((a, b) => b.atMs - a.atMs)
  const ended = await db
    .select({ endedAtMs: requestsTable.endedAtMs, costAtomic: requestsTable.costAtomic })
    .from(requestsTable)
    .where(and(gt(requestsTable.endedAtMs, sinceMs), gt(requestsTable.costAtomic, 0n)))
  const days = new Map<string, bigint>()
  for (const { endedAtMs, costAtomic } of ended) {
    const members = sets.find(({ atMs }) => atMs <= endedAtMs!)?.members ?? []
    const own = members.find(entry => entry.member === member)?.units ?? 0
    if (own === 0) continue
    const total = members.reduce((sum, { units }) => sum + units, 0)
    const day = new Date(endedAtMs!).toISOString().slice(0, 10)
    // Rounded down, as the pool pays.
    days.set(day, (days.get(day) ?? 0n) + (atomicToWei(costAtomic) * BigInt(own)) / BigInt(total))
  }
  return [...days].sort(([a], [b]) => (a < b ? -1 : 1)).map(([day, amountWei]) => ({ day, amountWei }))
}
