/** What auditors of the pool are asked to judge, what they say to it, and who has lost its seat by then. */
import type { AuditedPool } from './audited-pool.ts'
import type { FakeTab } from './fake-tab.ts'

export const judgesOf = ({ auditors }: AuditedPool): Array<{ auditor: FakeTab; check: string; sha256: string }> =>
  auditors.flatMap(auditor =>
    auditor.commands.flatMap(command => (command.type === 'judge-evidence' ? [{ auditor, ...command }] : [])),
  )

/** Each says its verdict, in the order of `judgesOf`; who has none says nothing. */
export async function judge(
  pool: AuditedPool,
  verdicts: readonly ('guilty' | 'innocent' | 'unsound' | 'failed')[],
): Promise<void> {
  for (const [index, { auditor, check, sha256 }] of judgesOf(pool).entries()) {
    const verdict = verdicts[index]
    if (verdict !== undefined) auditor.say({ type: 'evidence-judged', check, sha256, verdict, words: '' })
  }
  await pool.pool.clock.settle()
}

/** Whether each seat's peer is out, in the ring's order. */
export const barred = ({ pool, seats }: AuditedPool): boolean[] =>
  seats.map(({ peer }) => !pool.desk.snapshot().seats.some(seat => seat.peer === peer))
