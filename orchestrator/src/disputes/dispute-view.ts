/** A dispute's row as the API tells it. Pure. */
import type { CoalitionPlace } from '@computepool/shared/coalition'
import type { DisputeState, DisputeView } from '@computepool/shared/money'
import type { DisputeRow } from '../store/dispute-tables.ts'
import { dueOf } from './harmed-due.ts'

/** `place` null: an unstaked pool. `chainSeconds`: as last read. */
export function viewOf(row: DisputeRow, place: CoalitionPlace | null, chainSeconds: number): DisputeView {
  return {
    id: String(row.id),
    coalition: row.coalitionId,
    accused: row.accused,
    reason: row.reason,
    state: stateOf(row, chainSeconds),
    openedAtMs: row.createdAtMs,
    evidence: { sha256: row.evidenceSha256, path: row.evidencePath },
    bondAtomic: row.bondAtomic,
    slashedAtomic: row.slashedAtomic,
    payerAtomic: row.payerAtomic,
    transactions: [...row.transactions],
    onChain:
      place === null || row.dispute === null
        ? null
        : {
            ...{ chainId: place.chainId, registry: place.coalition, dispute: row.dispute, accuser: row.accuser! },
            ...{ respondUntil: row.respondUntil!, voteUntil: row.voteUntil!, quorum: row.quorum! },
            ...{ guiltyVotes: row.guiltyVotes, innocentVotes: row.innocentVotes, votes: [...row.votes] },
          },
    note: row.note ?? noteOf(row),
  }
}

/** Of what the harmed session owes, while it is waited for, and where that was in vain. */
function noteOf(row: DisputeRow): string | null {
  const due = dueOf(row)
  const isWaiting = row.state === 'accusing' || row.state === 'decided'
  if (due?.state === 'waiting' && isWaiting) return 'Waits until the vault has booked what the harmed session owes.'
  const isShort = due?.state === 'late' && (row.payerAtomic === null || row.payerAtomic < due.owedAtomic)
  return isShort ? 'The vault had not booked in time what the harmed session owes: its payer may get less back.' : null
}

function stateOf(row: DisputeRow, chainSeconds: number): DisputeState {
  if (row.state === 'recorded' || row.state === 'accusing') return 'recorded'
  if (row.state === 'open') return chainSeconds > row.respondUntil! ? 'voting' : 'accused'
  // Of a dispute that moved no stake the verdict stays what there is to tell.
  return row.verdict === 'guilty' && row.state !== 'decided' ? 'settled' : row.verdict!
}
