/**
 * Proposals that were given up though they had been sent: one that came to the chain all the same has stakes in it, which are to be given
 * back. It ends none by itself.
 */
import type { CoalitionReader } from '../coalition/index.ts'
import type { StakeBook, StakeTerms } from './stake-book.ts'
import type { StakeDeskOptions } from './stake-ports.ts'

export interface FindLate {
  readonly book: Pick<StakeBook, 'change'>
  readonly reader: Pick<CoalitionReader, 'idOf'>
  readonly vault: Pick<StakeDeskOptions['vault'], 'nowSeconds'>
}

/** Notes the coalition of each that came, and closes those that cannot come any more. Errors: `chain_unreachable`. */
export async function findLate({ book, reader, vault }: FindLate, rows: readonly StakeTerms[]): Promise<void> {
  for (const { state, coalition, termsHash, terms } of rows) {
    if (state !== 'over' || coalition !== null) continue
    // The time first: what is not there after it never will be.
    const isPast = BigInt(await vault.nowSeconds()) > terms.proposalEndsAt
    const id = await reader.idOf(termsHash)
    if (id !== 0n) await book.change(termsHash, { coalitionId: String(id) })
    else if (isPast) await book.change(termsHash, { isClosed: true })
  }
}
