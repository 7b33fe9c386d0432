/**
 * Whether the vault has booked what the harmed session owes: a slash pays its payer at most that, and anybody may settle from the verdict on.
 * So it is waited for before the accusation, and once more before the settlement; each for so long and no longer. It settles nothing.
 */
import type { Hex } from '@computepool/shared/coalition'
import { ComputePoolError } from '@computepool/shared/errors'
import { z } from 'zod'
import type { DisputeRow } from '../store/dispute-tables.ts'
import type { StepContext } from './dispute-steps.ts'

const dueSchema = z.object({
  /** The ledger's order that tells the vault. */
  epoch: z.number().int(),
  owedAtomic: z.string().transform(BigInt),
  untilMs: z.number(),
  before: z.enum(['accusing', 'settling']),
  state: z.enum(['waiting', 'booked', 'late']),
})
export type HarmedDue = z.infer<typeof dueSchema>
type Before = HarmedDue['before']

/**
 * How long. The stake of whoever leaves stays for ten minutes and more, which the first must not use up; from the accusation on nothing is
 * lost by waiting.
 */
export const dueWaitsMs: Readonly<Record<Before, number>> = { accusing: 120_000, settling: 300_000 }

/** Null: it stands there, is not waited for any longer, or there is nothing; else how many milliseconds to wait. */
export async function waitForDue(context: StepContext, row: DisputeRow, before: Before): Promise<number | null> {
  const { change, clock, kill, pollMs = 1000, harmed, onFault } = context
  const session = sessionOf(row)
  if (session === null) return null
  const kept = dueOf(row)
  const isOfEarlier = kept !== null && kept.before !== before
  if (kept === null || (isOfEarlier && kept.state !== 'booked')) {
    const due = await lookUp(context, session, before)
    if (due === null) return null
    await change(row, { due: { ...due, owedAtomic: String(due.owedAtomic) } })
    await kill('dispute:due-noted')
    return 0
  }
  if (kept.state !== 'waiting') return null
  const note = (state: HarmedDue['state']) =>
    change(row, { due: { ...kept, owedAtomic: String(kept.owedAtomic), state } })
  const seen = await harmed.vaultSession(session)
  // What the vault has bounded comes with its order, and no more will come. What is closed or unknown never changes.
  const isFinal = seen.state === 'closed' || seen.state === 'unknown'
  if (isFinal || seen.epoch >= kept.epoch || seen.dueAtomic >= kept.owedAtomic) {
    await note('booked')
    return null
  }
  if (clock.wallMs() < kept.untilMs) return pollMs
  await note('late')
  onFault(
    new ComputePoolError(
      'chain_due_late',
      `Dispute ${row.id}: the vault has booked ${seen.dueAtomic} of the ${kept.owedAtomic} atomic USDC that session ${session} owes. ${
        before === 'accusing' ? 'The accusation is made without it.' : 'The verdict is settled without it.'
      }`,
      { remedy: 'Look under Activity why the session’s order does not get through: its payer may get less back.' },
    ),
  )
  return null
}

/** Null where the work was free. What no vault could know harms nobody by its name. */
export const sessionOf = ({ sessionId }: Pick<DisputeRow, 'sessionId'>): Hex | null =>
  sessionId !== null && /^0x[0-9a-f]{64}$/.test(sessionId) ? (sessionId as Hex) : null

export const dueOf = ({ due }: Pick<DisputeRow, 'due'>): HarmedDue | null =>
  due === null ? null : dueSchema.parse(due)

/** Null where the ledger knows no such session, or it is over there, as seen on the chain. */
async function lookUp(context: StepContext, session: string, before: Before): Promise<HarmedDue | null> {
  const { ledger, clock, harmed } = context
  const row = await ledger.session(session)
  if (row === null || row.state === 'closed' || row.state === 'refused') return null
  // What still runs is told to the vault by the next lease or its end: here it is told at once.
  if (row.runningRequests > 0) await ledger.renewTarget(session, 'dispute')
  const [{ spentAtomic: owedAtomic }, told] = await Promise.all([ledger.view(session), ledger.session(session)])
  const untilMs = clock.wallMs() + (harmed.waitsMs ?? dueWaitsMs)[before]
  return { epoch: told!.epoch, owedAtomic, untilMs, before, state: 'waiting' }
}
