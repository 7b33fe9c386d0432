/**
 * One dispute's way from a conviction to the money, a step at a time. What happened is read from the chain and never believed of what was
 * sent: each step first looks whether it was done already, by us before a kill or by anybody else.
 */
import type { Hex } from '@computepool/shared/coalition'
import { noSession } from '@computepool/shared/coalition'
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import { erc20Abi } from 'viem'
import { type CoalitionCall, type DisputeView, signAccusation } from '../coalition/index.ts'
import type { DisputeRow } from '../store/dispute-tables.ts'
import { coalitionToAccuse, isLiable } from './coalition-to-accuse.ts'
import type { DisputeChain, DisputeDeskOptions, DisputeKillPoint } from './dispute-ports.ts'
import type { DisputeChange, DisputeRows } from './dispute-rows.ts'
import { findAccusation, findSettlement, findVotes } from './dispute-truth.ts'
import { dueWaitsMs, sessionOf, waitForDue } from './harmed-due.ts'
import { runBreach } from './run-breach.ts'

export interface StepContext extends DisputeDeskOptions {
  readonly chain: DisputeChain
  readonly rows: DisputeRows
  readonly signal: AbortSignal
  kill(point: DisputeKillPoint): Promise<void>
  /** The chain's time, as it was read when this one was looked at. */
  noteSeconds(row: DisputeRow, seconds: bigint): void
  /** Writes down and goes on from there. */
  change(row: DisputeRow, change: DisputeChange): Promise<void>
}

/** Milliseconds until it is worth looking again; null: the next step at once. */
export type StepOutcome = number | null

/** A bond's authorization is good for a day: longer than any relay may take. */
const bondSeconds = 86_400n

export function takeStep(context: StepContext, row: DisputeRow): Promise<StepOutcome> {
  if (row.state === 'accusing') return accuse(context, row)
  if (row.state === 'open') return watch(context, row)
  if (row.state === 'decided') return settle(context, row)
  return withdraw(context, row)
}

async function accuse(context: StepContext, row: DisputeRow): Promise<StepOutcome> {
  const { chain, change, kill } = context
  const accused = row.accused as Hex
  const { accuser: signer } = chain
  if (row.fromBlock === null) {
    if (signer === null) return withoutAccuserMs
    const coalition = row.coalitionId ?? (await chosen(context, row))
    if (coalition === null) return record(context, row, 'The operator has no stake here.')
    if (row.sessionId === null) {
      // The book of requests may have been slower than the conviction.
      const sessionId = await context.rows.sessionOf(row.requestId)
      if (sessionId !== null) {
        await change(row, { sessionId })
        return null
      }
    }
    const waitMs = (await isSoonFree(context, BigInt(coalition), accused))
      ? null
      : await waitForDue(context, row, 'accusing')
    if (waitMs !== null) return waitMs
    await change(row, {
      ...{ coalitionId: coalition, fromBlock: Number(await blockNumber(chain)), accuser: signer.address.toLowerCase() },
    })
    await kill('dispute:block-noted')
    return null
  }
  const id = BigInt(row.coalitionId!)
  const evidenceHash = evidenceHashOf(row)
  const accuser = row.accuser ?? signer?.address
  if (accuser === undefined) return withoutAccuserMs
  const sought = { coalition: id, accused, accuser, evidenceHash, fromBlock: BigInt(row.fromBlock) }
  let found = await findAccusation(chain, sought)
  if (found === null) {
    if (signer === null) return withoutAccuserMs
    if (signer.address.toLowerCase() !== accuser.toLowerCase()) {
      await change(row, { accuser: signer.address.toLowerCase() })
      return null
    }
    const [stake, { bondAtomic }, now] = await Promise.all([
      chain.reader.stakeOf(id, accused),
      chain.reader.config(),
      chainSeconds(context),
    ])
    if (!isLiable(stake, now)) return record(context, row, 'Its stake was gone before it could be accused.')
    await haveBond(context, signer.address, bondAtomic)
    const accusation = await signAccusation(
      { signer, place: chain.place, token: chain.token },
      {
        ...{ id, accused, reason: row.reason, session: sessionOf(row) ?? noSession, evidenceHash, bondAtomic },
        evidenceUri: `${context.origin}${row.evidencePath}`,
        validAfter: 0n,
        validBefore: now + bondSeconds,
      },
    )
    try {
      await relay(context, chain.relay.accuse(accusation))
    } catch (thrown) {
      // Another one's accusation on this evidence, or our own that a killed process sent.
      if (revertOf(thrown) === 'BreachPunished') return record(context, row, 'It was punished for this already.')
      if (revertOf(thrown) === null) throw thrown
      found = await findAccusation(chain, sought)
      if (found === null) throw thrown
    }
    await kill('dispute:accused')
    found ??= await findAccusation(chain, sought)
    if (found === null) return soon
  }
  const dispute = await chain.reader.disputeOf(found.dispute)
  await context.rows.noteTransaction(row.id, { what: 'accused', hash: found.hash })
  await change(row, {
    ...{ state: 'open', dispute: found.dispute.toString(), accuser: dispute.accuser, bondAtomic: dispute.bondAtomic },
    ...shown(dispute),
  })
  await kill('dispute:accusation-noted')
  return null
}

async function watch(context: StepContext, row: DisputeRow): Promise<StepOutcome> {
  const { chain, change, kill, pollMs = 1000 } = context
  const number = BigInt(row.dispute!)
  let dispute = await chain.reader.disputeOf(number)
  const now = await chainSeconds(context)
  context.noteSeconds(row, now)
  if (dispute.verdict === 'open' && now > dispute.voteUntil) {
    const sent = await relayUnless(context, chain.relay.close(number), 'DisputeDecided')
    if (sent !== null) await context.rows.noteTransaction(row.id, { what: 'closed without a quorum', hash: sent })
    await kill('dispute:closed')
    dispute = await chain.reader.disputeOf(number)
  }
  if (dispute.verdict === 'open') {
    const isChanged =
      dispute.guiltyVotes !== row.guiltyVotes ||
      dispute.innocentVotes !== row.innocentVotes ||
      Number(dispute.respondUntil) !== row.respondUntil
    if (isChanged) await change(row, { ...shown(dispute), votes: await votesNow(context, row) })
    return pollMs
  }
  const votes = await votesNow(context, row)
  await change(row, { state: 'decided', verdict: dispute.verdict, ...shown(dispute), votes })
  await kill('dispute:verdict-noted')
  return null
}

async function settle(context: StepContext, row: DisputeRow): Promise<StepOutcome> {
  const { chain, change, kill } = context
  const number = BigInt(row.dispute!)
  const verdict = row.verdict!
  if (verdict === 'innocent') context.onAcquitted(row.accused, row.reason, row.evidenceSha256)
  if (verdict === 'guilty') {
    const outcome = await runBreach(context, row)
    if (outcome !== 'settled') return outcome
  } else if (!(await chain.reader.disputeOf(number)).isSettled) {
    await relayUnless(context, chain.relay.settle(number), 'DisputeDecided')
  }
  await kill('dispute:settled')
  const settlement = await findSettlement(chain, number, verdict, BigInt(row.fromBlock!))
  if (settlement === null) return soon
  await context.rows.noteTransaction(row.id, { what: 'settled', hash: settlement.hash })
  const { slash } = settlement
  await change(row, {
    state: 'settled',
    slashedAtomic: slash?.slashedAtomic ?? 0n,
    payerAtomic: slash?.toPayerAtomic ?? 0n,
    accuserAtomic: slash?.toAccuserAtomic ?? 0n,
    membersAtomic: slash?.toMembersAtomic ?? 0n,
    treasuryAtomic: slash?.toTreasuryAtomic ?? 0n,
  })
  await kill('dispute:settlement-noted')
  return null
}

/** Sends what the settlement credited to whom it is due: nobody needs gas for it. The treasury fetches its own. */
async function withdraw(context: StepContext, row: DisputeRow): Promise<StepOutcome> {
  const { chain, change, kill } = context
  const settlement = await findSettlement(chain, BigInt(row.dispute!), row.verdict!, BigInt(row.fromBlock!))
  if (settlement === null) return soon
  const treasury = (await chain.reader.config()).treasury.toLowerCase()
  const waiting: string[] = []
  for (const account of settlement.credited) {
    if (account === treasury || (await chain.reader.creditOf(account)) === 0n) continue
    try {
      const hash = await relay(context, chain.relay.withdraw(account))
      await context.rows.noteTransaction(row.id, { what: `paid ${account}`, hash })
    } catch (thrown) {
      // USDC blocks that account: its credit stays, and holds up nobody else’s.
      if (revertOf(thrown) === null) throw thrown
      waiting.push(account)
    }
    await kill('dispute:withdrawn')
  }
  const note = waiting.length === 0 ? null : `USDC refused to pay ${waiting.join(', ')}: the credit waits there.`
  await change(row, { state: 'closed', note })
  return null
}

const soon = 250
/** Its key may be back after the next start alone. */
const withoutAccuserMs = 60_000

async function record(context: StepContext, row: DisputeRow, note: string): Promise<StepOutcome> {
  await context.change(row, { state: 'recorded', coalitionId: null, note })
  return null
}

async function chosen({ chain, coalitionsOf, clock }: StepContext, row: DisputeRow): Promise<string | null> {
  const among = await coalitionsOf(row.accused)
  const nowSeconds = await chainSeconds({ chain, clock })
  const sought = { accused: row.accused as Hex, members: row.members, nowSeconds }
  return (await coalitionToAccuse(chain.reader, among, sought))?.toString() ?? null
}

/** Whoever has left is accused in time, whatever is booked by then. */
async function isSoonFree({ chain, clock, harmed }: StepContext, id: bigint, accused: Hex): Promise<boolean> {
  const { isMember, releasableAt } = await chain.reader.stakeOf(id, accused)
  const waitMs = (harmed.waitsMs ?? dueWaitsMs).accusing
  return !isMember && releasableAt - (await chainSeconds({ chain, clock })) < BigInt(Math.ceil((2 * waitMs) / 1000))
}

async function haveBond(context: StepContext, accuser: Hex, bondAtomic: bigint): Promise<void> {
  const { client, token, fund } = context.chain
  const held = await client
    .readContract({ address: token.address, abi: erc20Abi, functionName: 'balanceOf', args: [accuser] })
    .catch(() => 0n)
  if (held >= bondAtomic) return
  if (fund === null) {
    throw new ComputePoolError(
      'chain_underfunded',
      `The accuser ${accuser} holds ${held} of the ${bondAtomic} atomic USDC that a bond takes.`,
      { remedy: 'Send it USDC; the accusation is made by itself then.' },
    )
  }
  await fund(accuser, bondAtomic)
  await context.kill('dispute:funded')
}

const shown = (dispute: DisputeView): DisputeChange => ({
  respondUntil: Number(dispute.respondUntil),
  voteUntil: Number(dispute.voteUntil),
  quorum: dispute.quorum,
  guiltyVotes: dispute.guiltyVotes,
  innocentVotes: dispute.innocentVotes,
})

/** Told and not acted on: money does not wait for a node that cannot find them. */
const votesNow = ({ chain }: StepContext, row: DisputeRow) =>
  findVotes(chain, BigInt(row.dispute!), BigInt(row.fromBlock!)).catch(() => row.votes)

export const evidenceHashOf = ({ evidenceSha256 }: DisputeRow): Hex => `0x${evidenceSha256}`

const blockNumber = ({ client }: DisputeChain): Promise<bigint> => client.getBlockNumber({ cacheTime: 0 })

/** Of the next block: an idle chain of one's own stands still until somebody sends something. */
export async function chainSeconds({ chain, clock }: Pick<StepContext, 'chain' | 'clock'>): Promise<bigint> {
  const { atSeconds } = await chain.reader.totals()
  const wall = BigInt(Math.floor(clock.wallMs() / 1000))
  return atSeconds > wall ? atSeconds : wall
}

const relay = async ({ chain }: StepContext, { to, data }: CoalitionCall): Promise<Hex> =>
  (await chain.relayer.execute({ to, data })).hash

/** Null where it is refused because somebody did it before. */
async function relayUnless(context: StepContext, call: CoalitionCall, refusal: string): Promise<Hex | null> {
  try {
    return await relay(context, call)
  } catch (thrown) {
    if (revertOf(thrown) === refusal) return null
    throw thrown
  }
}

/** The contract's error by name; null where nothing was reverted. */
export function revertOf(thrown: unknown): string | null {
  const { code, context } = asComputePoolError(thrown)
  if (code !== 'chain_reverted') return null
  const { revert } = context
  return typeof revert === 'string' ? revert : ''
}
