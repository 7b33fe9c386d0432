/** Every session that the vault opened must stand in the ledger; one that does not is taken in and closed, so that its payer is refunded. */
import { getFact, putFact, vaultFact } from './ledger-facts.ts'
import type { CheckContext } from './reconcile.ts'

const blocksAtOnce = 2000
const mostChunks = 50

export async function reconcileVouchers(context: CheckContext): Promise<void> {
  const { db, vault, totals, fromBlock = 0 } = context
  const scanned = await getFact<{ blockNumber: number }>(db, vaultFact('scanned-block', vault.vault))
  let next = Math.max(fromBlock, (scanned?.blockNumber ?? -1) + 1)
  for (let chunk = 0; chunk < mostChunks && next <= totals.blockNumber; chunk++) {
    const last = Math.min(totals.blockNumber, next + blocksAtOnce - 1)
    for (const opening of await vault.openings(next, last)) await checkOpened(context, opening)
    next = last + 1
    await putFact(db, vaultFact('scanned-block', vault.vault), { blockNumber: last })
  }
}

type Opening = Awaited<ReturnType<CheckContext['vault']['openings']>>[number]

async function checkOpened({ ledger, vault, repaired }: CheckContext, opening: Opening): Promise<void> {
  const known = await ledger.session(opening.id)
  if (known !== null && known.state !== 'refused') return
  const seen = await vault.session(opening.id)
  if (seen.state === 'unknown' || seen.state === 'closed') return
  const message = `The chain had opened a session over ${opening.capAtomic} atomic units that the ledger ${known === null ? 'did not know' : 'had refused'}; it is being closed and refunded.`
  const isAdopted = await ledger.adopt({
    id: opening.id,
    payer: opening.payer,
    nonce: opening.nonce,
    capAtomic: opening.capAtomic,
    pricePerSecondAtomic: seen.pricePerSecondAtomic,
    expiresAt: seen.expiresAt,
    epoch: seen.epoch,
  })
  if (!isAdopted) return
  await ledger.noteTransaction(opening.id, opening.transaction)
  await ledger.wantClose(opening.id, 'not in the ledger')
  repaired({
    trouble: `voucher ${opening.id}`,
    law: 'vouchers',
    message,
    remedy:
      'Nothing to do. If it happens again, the ledger was restored from an old copy, or another orchestrator uses this vault.',
    sessionId: opening.id,
  })
}
