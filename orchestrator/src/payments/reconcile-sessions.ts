/** Each unfinished session of the ledger against the vault: its state, its rate, its lease, its refund. */
import { atomicToWei, rateAtomic } from '@computepool/shared/money'
import { and, eq, sql } from 'drizzle-orm'
import type { VaultSession } from '../chain/vault-reader.ts'
import { type SessionRow, sessionsTable } from '../store/ledger-tables.ts'
import { openedAs, tellClosed, tellStream } from './outbox-truth.ts'
import type { CheckContext } from './reconcile.ts'

/** So long before its life is over a session is closed by us, not by whoever comes. */
const closeAheadSeconds = 60
const believedAfterMs = 60_000

export async function reconcileSessions(context: CheckContext): Promise<void> {
  for (const row of await context.ledger.sessionsIn(['opening', 'open', 'streaming', 'closing'])) {
    const isBusy = await context.rows.isBusy(row.id)
    const seen = await context.vault.session(row.id)
    // Work goes on meanwhile: what changed while we looked is looked at the next time.
    const now = await context.ledger.session(row.id)
    if (isBusy || now === null || now.epoch !== row.epoch || now.state !== row.state) continue
    if (row.state === 'opening') await checkOpening(context, row, seen)
    else if (seen.state === 'unknown') await checkLost(context, row)
    else if (seen.state === 'closed') await followClose(context, row, seen)
    else await checkStream(context, row, seen)
  }
  await checkRefunds(context)
}

async function checkOpening(context: CheckContext, row: SessionRow, seen: VaultSession): Promise<void> {
  if (seen.state === 'unknown') return
  await context.ledger.confirmOpen(row.id, { transaction: null, blockNumber: null, ...openedAs(seen) })
  context.repaired({
    trouble: `opening ${row.id}`,
    law: 'vouchers',
    message: 'The chain had taken a voucher whose session was still opening here; the session is open now.',
    remedy: 'Nothing to do.',
    sessionId: row.id,
  })
}

/** Said at once, believed a minute later: a node that lags, or is behind others of its service, must not cost a session. */
async function checkLost(context: CheckContext, row: SessionRow): Promise<void> {
  const trouble = {
    trouble: `chain lost ${row.id}`,
    law: 'chain' as const,
    message: `The chain does not know a session over ${row.capAtomic} atomic units that was open on it: the chain was rolled back or replaced.`,
    remedy:
      'Where it is the embedded chain, its state was lost and its test money with it. Else check the address of the node.',
    sessionId: row.id,
  }
  context.open(trouble)
  const sinceMs = context.wasOpen.get(trouble.trouble)
  if (sinceMs === undefined || context.nowMs - sinceMs < believedAfterMs) return
  await context.ledger.confirmClosed(row.id, { dueAtomic: 0n, refundedAtomic: 0n, reason: 'lost with its chain' })
}

async function followClose(context: CheckContext, row: SessionRow, seen: VaultSession): Promise<void> {
  await tellClosed(context, row.id, seen)
  if (row.state === 'closing') return
  context.repaired({
    trouble: `closed ${row.id}`,
    law: 'refunds',
    message: `The session was closed on the chain (${seen.dueAtomic} due, ${seen.refundedAtomic} refunded) and not by us; the ledger follows.`,
    remedy: 'Nothing to do: its payer ended it, or its lease was over and it was reaped.',
    sessionId: row.id,
  })
}

async function checkStream(context: CheckContext, row: SessionRow, seen: VaultSession): Promise<void> {
  const { ledger, nowMs, totals, repaired } = context
  if (row.state === 'open' && seen.expiresAt - closeAheadSeconds <= Math.max(nowMs / 1000, totals.atSeconds)) {
    await ledger.wantClose(row.id, 'its life is over')
    return
  }
  await tellStream(context, row.id, seen)
  const wantedWei = atomicToWei(rateAtomic(row.pricePerSecondAtomic, row.runningRequests))
  const isDone = row.state === 'closing' && row.runningRequests === 0
  // Where the cap is spent the vault stops by itself; the meter ends the requests.
  const isSpent =
    wantedWei > 0n && seen.rateWei === 0n && (ledger.spentNow(row.id) ?? row.settledAtomic) >= row.capAtomic
  const isPast = seen.rateWei > 0n && seen.leaseUntil <= totals.atSeconds
  if (!isDone && !isPast && (seen.rateWei === wantedWei || isSpent)) return
  await ledger.renewTarget(row.id, 'reconciled')
  repaired({
    trouble: `rate ${row.id}`,
    law: 'rates',
    message: isDone
      ? 'The session was to be closed and no order was on its way; it is ordered anew.'
      : `The session streamed ${seen.rateWei} wei/s${isPast ? ' past its lease' : ''} and should stream ${wantedWei}; it is ordered anew.`,
    remedy: 'Nothing to do.',
    sessionId: row.id,
  })
}

/** Of every closed session: cap = due + refunded. One that was lost with its chain has neither. */
async function checkRefunds({ db, open, vault }: CheckContext): Promise<void> {
  const wrong = await db
    .select()
    .from(sessionsTable)
    .where(
      and(
        eq(sessionsTable.vault, vault.vault.toLowerCase()),
        eq(sessionsTable.state, 'closed'),
        sql`${sessionsTable.dueAtomic} + ${sessionsTable.refundedAtomic} <> ${sessionsTable.capAtomic}`,
        sql`NOT (${sessionsTable.dueAtomic} = 0 AND ${sessionsTable.refundedAtomic} = 0)`,
      ),
    )
    .limit(20)
  for (const row of wrong) {
    open({
      trouble: `refund ${row.id}`,
      law: 'refunds',
      message: `A closed session does not add up: cap ${row.capAtomic}, due ${row.dueAtomic}, refunded ${row.refundedAtomic}.`,
      remedy: 'Look up its SessionClosed event on the chain.',
      sessionId: row.id,
    })
  }
}
