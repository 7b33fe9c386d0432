/** What one operator has earned: its place in the pool from the chain, its days and requests from the ledger. */
import { gdaForwarderAbi, superfluidPoolAbi } from '@computepool/contracts/abi'
import type { Earnings } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import type { Hex, PublicClient } from 'viem'
import type { Database } from '../store/database.ts'
import { type EarnedShare, earnedShares } from './earned-shares.ts'

export interface EarningsOptions {
  readonly client: PublicClient
  readonly db: Database
  readonly clock: Clock
  readonly vault: Hex
  readonly pool: Hex
  readonly gdaForwarder: Hex
}

const dayMs = 24 * 3600_000
const mostDays = 90
const mostRequests = 100

export async function operatorEarnings(options: EarningsOptions, operator: Hex): Promise<Earnings> {
  const { client, db, clock, vault, pool, gdaForwarder } = options
  const sinceMs = clock.wallMs() - mostDays * dayMs
  const contract = { address: pool, abi: superfluidPoolAbi } as const
  const args = [operator] as const
  const [units, totalUnits, isConnected, receivedWei, perSecondWei, shares] = await Promise.all([
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
    earnedShares(db, { vault, operator, sinceMs }),
  ])
  return {
    operator,
    units: Number(units),
    totalUnits: Number(totalUnits),
    pool,
    isConnected,
    receivedWei,
    perSecondWei,
    days: byDay(shares),
    requests: shares.slice(0, mostRequests),
  }
}

/** UTC days, oldest first. */
function byDay(shares: readonly EarnedShare[]): Earnings['days'] {
  const days = new Map<string, bigint>()
  for (const { atMs, amountWei } of shares) {
    const day = new Date(atMs).toISOString().slice(0, 10)
    days.set(day, (days.get(day) ?? 0n) + amountWei)
  }
  return [...days].sort(([a], [b]) => (a < b ? -1 : 1)).map(([day, amountWei]) => ({ day, amountWei }))
}
