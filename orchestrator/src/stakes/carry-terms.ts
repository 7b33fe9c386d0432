/**
 * Takes terms that all have signed to the chain: a proposal by the keeper's runs, a re-split by a call. What happened is read from the
 * chain, never believed of a run; each step is written down before the next, so that a kill at any of them is picked up where it was.
 */
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import { isFinalKeeperStatus } from '@computepool/shared/ports'
import { activateOrder, type CoalitionOrder, proposeOrder, relayTo } from '../coalition/index.ts'
import { unitsNow } from '../payments/work-of-rings.ts'
import type { StakeBook, StakeTerms } from './stake-book.ts'
import type { StakeDeskOptions, StakePoint } from './stake-ports.ts'

export interface CarryContext
  extends Pick<StakeDeskOptions, 'keeper' | 'relay' | 'reader' | 'ledger' | 'vault' | 'desk' | 'place' | 'clock'> {
  readonly book: StakeBook
  readonly signal: AbortSignal
  /** Whether this operator has units: a stake in a coalition that is active, or none because of others. */
  mayEarn(operator: string): boolean
  kill(point: StakePoint): Promise<void>
}

const waitMs = 25_000
const mostBackoffMs = 60_000
const backoffMs = (attempts: number): number => Math.min(mostBackoffMs, 1000 * 2 ** Math.min(attempts, 10))

/** As far as it goes now; what failed is tried again later. Errors of the chain or the keeper are written down and thrown. */
export async function carryTerms(context: CarryContext, row: StakeTerms): Promise<void> {
  const { book, clock, signal } = context
  try {
    if (row.state === 'signed' && row.terms.version > 0) return await resplit(context, row)
    const proposed = row.state === 'signed' ? await propose(context, row) : row
    if (proposed !== null) await activate(context, proposed)
  } catch (thrown) {
    if (signal.aborted) return
    const { message } = asComputePoolError(thrown)
    const nextAtMs = clock.wallMs() + backoffMs(row.attempts)
    await book.change(row.termsHash, { attempts: row.attempts + 1, nextAtMs, lastError: message })
    throw thrown
  }
}

/** Null where it came to nothing. */
async function propose(context: CarryContext, row: StakeTerms): Promise<StakeTerms | null> {
  const { reader, book, vault } = context
  const { termsHash, terms, consents } = row
  let id = await reader.idOf(termsHash)
  if (id === 0n) {
    // Nothing can come of it after that second: not even of what is still on its way.
    if (BigInt(await vault.nowSeconds()) > terms.proposalEndsAt) {
      await book.over(termsHash, row.lastError ?? 'The time to propose it passed.')
      return null
    }
    const run = await runOrder(context, row, proposeOrder({ terms, consents }), 'stakes:propose-sent')
    id = await reader.idOf(termsHash)
    if (id === 0n) throw failed('propose', run)
  }
  await book.change(termsHash, { state: 'proposed', coalitionId: String(id) })
  await context.kill('stakes:proposed')
  return { ...row, state: 'proposed', coalition: id }
}

async function activate(context: CarryContext, row: StakeTerms): Promise<void> {
  const { reader, book, vault, ledger } = context
  const id = row.coalition!
  let wantedEpoch = row.unitsEpoch
  let { state } = await reader.coalitionOf(id)
  if (state === 'proposed') {
    if (BigInt(await vault.nowSeconds()) > row.terms.proposalEndsAt) {
      await book.over(row.termsHash, row.lastError ?? 'The time to make it active passed.')
      return
    }
    const { epoch, members } = await keepUnits(context, row)
    wantedEpoch = epoch
    const order = activateOrder({ id, units: { epoch, members } })
    const run = await runOrder(context, { ...row, unitsEpoch: epoch }, order, 'stakes:activate-sent')
    state = (await reader.coalitionOf(id)).state
    if (state === 'proposed') throw failed('activate-and-pool', run)
  }
  if (state !== 'active') {
    await book.over(row.termsHash, `The coalition is ${state}.`)
    return
  }
  const { unitsEpoch } = await vault.totals()
  // A run may end between the two: then the units go by an order of their own.
  if (wantedEpoch !== null && unitsEpoch < wantedEpoch) await ledger.renewUnits(0, unitsEpoch)
  await book.activated(row.termsHash, id)
  await context.kill('stakes:activated')
}

/** The pool's members from this activation on: written down under an epoch of their own, which the activation takes to the chain. */
async function keepUnits(context: CarryContext, { termsHash, terms }: StakeTerms) {
  const { ledger, desk, book, mayEarn } = context
  const parties = new Set(terms.parties.map(({ operator }) => operator.toLowerCase()))
  const earnsNothing = (operator: string): boolean =>
    desk.withheld.isWithheld(operator) || !(mayEarn(operator) || parties.has(operator))
  const members = unitsNow(desk.snapshot(), earnsNothing)
  const epoch = (await ledger.setUnits(members, { isForced: true, isCarried: true }))!
  await book.change(termsHash, { unitsEpoch: epoch })
  await context.kill('stakes:units-kept')
  return { epoch, members }
}

async function resplit(context: CarryContext, row: StakeTerms): Promise<void> {
  const { reader, book, vault, relay, place } = context
  const { termsHash, terms, consents } = row
  const look = async (): Promise<'done' | 'over' | 'open'> => {
    const { state, version, termsHash: inForce } = await reader.coalitionOf(terms.id)
    if (inForce === termsHash) return 'done'
    return state !== 'active' || version >= terms.version ? 'over' : 'open'
  }
  let found = await look()
  if (found === 'open' && BigInt(await vault.nowSeconds()) > terms.proposalEndsAt) found = 'over'
  if (found === 'open') {
    const { to, data } = relayTo(place.coalition).resplit(terms.id, terms, consents)
    await relay.execute({ to, data })
    await context.kill('stakes:resplit-sent')
    found = await look()
  }
  if (found === 'open') throw new ComputePoolError('chain_unreachable', 'The re-split was sent and is not seen yet.')
  if (found === 'over') {
    await book.over(termsHash, row.lastError ?? 'Other terms came first, or the time passed.')
    return
  }
  await book.activated(termsHash, terms.id)
  await context.kill('stakes:activated')
}

/** The same key with the same input is the same run; a failed one is begun anew under another. */
async function runOrder(context: CarryContext, row: StakeTerms, order: CoalitionOrder, sent: StakePoint) {
  const { keeper, signal, kill } = context
  const idempotencyKey = `${order.workflow} ${row.termsHash} ${row.attempts} ${row.unitsEpoch ?? ''}`
  const { executionId } = await keeper.execute(order.workflow, order.input, { idempotencyKey, signal })
  await kill(sent)
  for (;;) {
    const run = await keeper.wait(executionId, waitMs, signal)
    if (isFinalKeeperStatus(run.status)) return run
  }
}

const failed = (workflow: string, { status, error }: { readonly status: string; readonly error: string | null }) =>
  new ComputePoolError('chain_reverted', `The run "${workflow}" ended as ${status}: ${error ?? 'no reason given'}`, {
    remedy: 'It is tried again by itself until the proposal’s time is over.',
  })
