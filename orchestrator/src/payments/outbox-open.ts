/**
 * The first order of a session: its voucher to the chain. The vault is asked before and after, since a settlement that was reported as
 * failed may have landed; a voucher is given up only where nothing can come of it.
 */
import type { Hex } from 'viem'
import type { OutboxRow, SessionRow } from '../store/ledger-tables.ts'
import type { OutboxContext } from './outbox.ts'
import { openedAs, tellClosed } from './outbox-truth.ts'

/** Tries of an authorization that is used though no session came of it: cancelled, or spent where we cannot adopt it. */
const mostAdoptions = 4

/** Errors: `chain_unreachable`, and whatever the settler throws; then it is tried again. */
export async function settleOpening(context: OutboxContext, row: OutboxRow): Promise<void> {
  const { rows, ledger, settler, clock, signal, kill } = context
  if ((await rows.claim(row.id, {})) === null) return
  await kill('outbox:claimed', row)
  const session = await ledger.session(row.subject)
  if (session === null || session.state !== 'opening') return finish(context, row, 'superseded')
  if (await finishIfOpen(context, row, null)) return
  const { payer, nonce, capAtomic, voucher } = session
  const outcome = await settler.settle({ sessionId: session.id, payer, nonce, capAtomic, voucher, signal })
  await kill('outbox:settled', row)
  if (await finishIfOpen(context, row, outcome.status === 'settled' ? outcome.transaction : null)) return
  const reason = outcome.status === 'settled' ? 'The vault does not show the session yet.' : outcome.reason
  if (await isHopeless(context, session, row, outcome.status === 'refused')) {
    await ledger.refuse(session.id, reason)
    await kill('outbox:told-ledger', row)
    return finish(context, row, 'done')
  }
  const delayMs = Math.min(15_000, 500 * 2 ** Math.min(row.attempts, 5))
  await rows.postpone(row.id, clock.wallMs() + delayMs, reason)
}

/** True once the vault shows the session, whoever opened it. */
async function finishIfOpen(context: OutboxContext, row: OutboxRow, transaction: Hex | null): Promise<boolean> {
  const { ledger, vault, kill } = context
  const seen = await vault.session(row.subject)
  if (seen.state === 'unknown') return false
  await kill('outbox:seen-on-chain', row)
  if (seen.state === 'closed') await tellClosed(context, row.subject, seen)
  else {
    const found =
      transaction ?? ((await vault.transactionsOf(row.subject)).find(({ kind }) => kind === 'open')?.hash as Hex)
    await ledger.confirmOpen(row.subject, {
      transaction: found ?? null,
      blockNumber: found === undefined ? null : await vault.blockNumberOf(found),
      ...openedAs(seen),
    })
  }
  await kill('outbox:told-ledger', row)
  await finish(context, row, 'done')
  return true
}

async function isHopeless(
  { vault }: OutboxContext,
  session: SessionRow,
  row: OutboxRow,
  isRefused: boolean,
): Promise<boolean> {
  // Used: the money may have moved, so the settler is to adopt it.
  if (await vault.isAuthorizationUsed(session.payer, session.nonce)) return isRefused && row.attempts >= mostAdoptions
  return isRefused || (await vault.nowSeconds()) > session.validBefore
}

async function finish(context: OutboxContext, row: OutboxRow, status: 'done' | 'superseded'): Promise<void> {
  await context.rows.finish(row.id, status, context.clock.wallMs())
  await context.findings.resolve(`outbox ${row.subject} open`, context.clock.wallMs())
  await context.kill('outbox:recorded', row)
}
