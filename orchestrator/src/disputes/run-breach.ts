/**
 * A guilty verdict through the keeper: the workflow settles it and sets the pool's members without the guilty one. The members go under
 * the epoch of the ledger's own book, whose order goes out beside this one: whichever comes first, the other finds it done.
 */
import { isFinalKeeperStatus, type KeeperInput } from '@computepool/shared/ports'
import { z } from 'zod'
import { breachOrder } from '../coalition/index.ts'
import { unitsWithout } from '../payments/work-of-rings.ts'
import type { DisputeRow } from '../store/dispute-tables.ts'
import type { StepContext } from './dispute-steps.ts'
import { waitForDue } from './harmed-due.ts'

const runSchema = z.object({
  /** Which try; a keeper replays a failure under its key. */
  at: z.number().int(),
  input: z.record(z.string(), z.unknown()),
  executionId: z.string().nullable(),
  /** How often it was waited for. */
  waits: z.number().int().default(0),
})

const waitMs = 25_000
/** After as many runs that did not settle it, or tries that the keeper did not take, it is settled without: a payer waits. */
const mostRuns = 3
const mostTries = 6
/** Of `waitMs` each: a run that takes longer is ended. */
const mostWaits = 8
const noUnits = { epoch: 0, members: [] }

/** `settled` once the chain shows it; else how many milliseconds to wait. */
export async function runBreach(context: StepContext, row: DisputeRow): Promise<'settled' | number> {
  const { chain, keeper, change, kill, signal, ledger, pollMs = 1000 } = context
  const dispute = BigInt(row.dispute!)
  const isSettled = async (): Promise<boolean> => (await chain.reader.disputeOf(dispute)).isSettled
  const run = row.run === null ? null : runSchema.parse(row.run)
  // Also where somebody else settled it: its units go through the ledger's own order.
  await orderUnits(context, row.accused)
  await kill('dispute:units-ordered')
  const isDirect = !chain.hasWorkflows || (run !== null && run.at > mostRuns) || row.attempts >= mostTries
  const isSent = run !== null && run.executionId !== null
  if (!isSent && !(await isSettled())) {
    const waitMs = await waitForDue(context, row, 'settling')
    if (waitMs !== null) return waitMs
  }
  // A run that is on its way sets units too: it is waited for once.
  if ((isDirect || run === null || run.executionId === null) && (await isSettled())) return 'settled'
  if (isDirect) {
    const { to, data } = chain.relay.settle(dispute)
    await chain.relayer.execute({ to, data })
    return (await isSettled()) ? 'settled' : 250
  }
  // Streams keep their rates: the pool's flow is spread by the new units in the same block.
  const inputNow = async () => breachOrder({ dispute, units: (await ledger.units()) ?? noUnits, rates: [] }).input
  if (run === null) {
    await change(row, { run: { at: 1, input: await inputNow(), executionId: null, waits: 0 } })
    await kill('dispute:run-noted')
    return 0
  }
  let { executionId } = run
  if (executionId === null) {
    const key = { idempotencyKey: `breach ${chain.place.coalition} ${dispute} ${run.at}`, signal }
    executionId = (await keeper.execute('handle-breach', run.input as KeeperInput, key)).executionId
    await kill('dispute:run-sent')
    await change(row, { run: { ...run, executionId } })
  }
  const { status, error } = await keeper.wait(executionId, waitMs, signal)
  if (await isSettled()) return 'settled'
  if (!isFinalKeeperStatus(status)) {
    const waits = run.waits + 1
    if (waits < mostWaits) {
      await change(row, { run: { ...run, executionId, waits } })
      return 0
    }
    // What it has sent stays sent, and finds it settled; a keeper that cannot end it is not waited for either.
    await keeper.cancel(executionId, signal).catch(() => {})
    await change(row, {
      run: { ...run, at: mostRuns + 1, executionId: null },
      lastError: 'The keeper’s run did not end.',
    })
    return 0
  }
  await change(row, { run: { at: run.at + 1, input: await inputNow(), executionId: null, waits: 0 }, lastError: error })
  return pollMs
}

/** The ledger's members without the guilty one, and auditors without what was a part of its: nobody, where it served alone. Nothing where it is none. */
async function orderUnits({ ledger }: StepContext, guilty: string): Promise<void> {
  const last = await ledger.units()
  const members = last?.members ?? []
  if (!members.some(({ member }) => member.toLowerCase() === guilty)) return
  await ledger.setUnits(unitsWithout(members, guilty))
}
