/** Whether the chain has carried out an order, and what the ledger must hear of it. It asks the vault and nobody else. */

import type { VaultSession } from '../chain/vault-reader.ts'
import type { OutboxRow } from '../store/ledger-tables.ts'
import type { OutboxContext } from './outbox.ts'

export type Sight =
  | { readonly verdict: 'not-yet' }
  | { readonly verdict: 'done' | 'superseded'; tellLedger(): Promise<void> }
  | { readonly verdict: 'failed'; readonly reason: string; tellLedger(): Promise<void> }

type TruthContext = Pick<OutboxContext, 'vault' | 'ledger'>

const notYet: Sight = { verdict: 'not-yet' }
const nothing = async (): Promise<void> => {}

/** Errors: `chain_unreachable`. */
export async function lookAtChain(context: TruthContext, row: OutboxRow): Promise<Sight> {
  if (row.kind === 'units') {
    const { unitsEpoch } = await context.vault.totals()
    if (unitsEpoch < row.epoch) return notYet
    return { verdict: unitsEpoch === row.epoch ? 'done' : 'superseded', tellLedger: nothing }
  }
  const seen = await context.vault.session(row.subject)
  if (seen.state === 'unknown') {
    // No later try can help; the reconciler says that the chain was replaced.
    return { verdict: 'failed', reason: 'The chain does not know the session.', tellLedger: nothing }
  }
  if (seen.state === 'closed') {
    const verdict = row.kind === 'close' && seen.epoch === row.epoch ? 'done' : 'superseded'
    return { verdict, tellLedger: () => tellClosed(context, row.subject, seen) }
  }
  if (seen.epoch < row.epoch) return notYet
  const verdict = seen.epoch === row.epoch ? 'done' : 'superseded'
  return { verdict, tellLedger: () => tellStream(context, row.subject, seen) }
}

export async function tellStream({ ledger }: TruthContext, sessionId: string, seen: VaultSession): Promise<void> {
  const leaseUntil = seen.rateWei === 0n ? null : seen.leaseUntil
  await ledger.noteApplied(sessionId, { epoch: seen.epoch, rateWei: seen.rateWei, leaseUntil })
}

/** With every transaction that the session had, whoever sent it. */
export async function tellClosed(
  { ledger, vault }: TruthContext,
  sessionId: string,
  seen: VaultSession,
): Promise<void> {
  const row = await ledger.session(sessionId)
  if (row === null) return
  for (const transaction of await vault.transactionsOf(sessionId, await ledger.openBlock(sessionId)))
    await ledger.noteTransaction(sessionId, transaction)
  if (row.state === 'opening')
    await ledger.confirmOpen(sessionId, { transaction: null, blockNumber: null, ...openedAs(seen) })
  await ledger.confirmClosed(sessionId, { dueAtomic: seen.dueAtomic, refundedAtomic: seen.refundedAtomic })
}

export const openedAs = ({ expiresAt, pricePerSecondAtomic }: VaultSession) => ({ expiresAt, pricePerSecondAtomic })
