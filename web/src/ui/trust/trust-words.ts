/** Stakes, standing and checks in plain words; pure. It says only what it is given: an absent figure is called absent, not zero. */
import type { StandingFacts } from '@computepool/peer/runtime/peer-snapshot.ts'
import type { BreachReason } from '@computepool/shared/coalition'
import type { DisputeView } from '@computepool/shared/money'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { formatAtomic, plainAtomic, shortHex } from '../format/format-money.ts'
import { formatMs } from '../format/format-number.ts'

export type PoolRing = NonNullable<PoolSnapshot['rings']>[number]
export type SeatTrust = Pick<PoolSnapshot['seats'][number], 'standing' | 'isStaked' | 'isJudged'>
export type PoolChecks = NonNullable<PoolSnapshot['checks']>

/** A pool that does not say that it is staked is not. */
export const isStakedPool = (pool: PoolSnapshot): boolean => pool.stake?.mode === 'staked'

/** `isTest` null: whose money it is, is not known yet, and then no amount is told. */
export function stakeAmountWords(amountAtomic: string, isTest: boolean | null): string | null {
  return isTest === null ? null : formatAtomic(BigInt(amountAtomic), isTest)
}

/** The drawn ring, among all. */
export function drawnRing(pool: PoolSnapshot): PoolRing | null {
  const drawn = pool.seats.map(({ peer }) => peer).join()
  return pool.rings?.find(({ seats }) => seats.map(({ peer }) => peer).join() === drawn) ?? null
}

const ringStates: Readonly<Record<NonNullable<PoolRing['stake']>['state'], string>> = {
  none: 'No terms were offered to this ring yet.',
  offered: 'Its members have terms before them, to be signed.',
  proposed: 'Its terms are on the chain and wait for all members.',
  active: 'Its terms hold on the chain.',
  resplitting: 'Its members changed: new terms are being signed. Stakes that lie there stay.',
}

/** One or two sentences; `ring` is the one that is drawn. */
export function poolStakeWords(pool: PoolSnapshot, ring: PoolRing | null, isTest: boolean | null): string {
  if (!isStakedPool(pool)) return 'Unstaked pool: whoever computes wrongly here loses work and standing, but no money.'
  const amount = stakeAmountWords(pool.stake?.amountAtomic ?? '0', isTest)
  const each = amount === null ? 'Staked pool.' : `Staked pool: ${amount} for each member.`
  const stake = ring?.stake
  if (stake === undefined) return each
  const id = stake.coalition === null ? '' : ` Coalition ${stake.coalition}.`
  return `${each} Of this ring ${stake.staked} of ${stake.of} have staked. ${ringStates[stake.state]}${id}`
}

/** Counts fade with time, and so are no whole numbers. */
export function fadedCount(value: number): string {
  if (value === 0) return '0'
  return value < 0.05 ? 'below 0.1' : String(Number(value.toFixed(1)))
}

/** Null where the pool tells nothing of the seat. */
export function seatTrustWords({ standing, isStaked, isJudged }: SeatTrust): string | null {
  const stake = isStaked === undefined ? null : isStaked ? 'Staked.' : 'Not staked.'
  const unjudged =
    isJudged === false ? 'Its work is not judged closely: nobody measured how far such an engine may be off.' : null
  if (standing === undefined) return stake === null ? unjudged : [stake, unjudged].filter(Boolean).join(' ')
  const { weight, trust, checked, failed } = standing
  const isOut = weight === 0 && failed > 0
  const checks = `Checks: ${fadedCount(checked)} agreed, ${fadedCount(failed)} failed.`
  const begin = isOut
    ? 'Convicted: it gets no work until that fades.'
    : `Weight ${weight.toFixed(2)}, trust ${trust.toFixed(2)}.`
  return [begin, checks, stake, unjudged].filter(part => part !== null).join(' ')
}

/** What came of the checks that were drawn, as counted. */
export function checkFigures(checks: PoolChecks): readonly (readonly [name: string, value: string])[] {
  return [
    ['Checks drawn', String(checks.drawn)],
    ['Agreed', String(checks.agreed)],
    ['Differed', String(checks.differs)],
    ['Withheld', String(checks.withheld)],
    ['Unanswered', String(checks.unanswered)],
    ['Not judged', String(checks.unjudged)],
    ...(checks.challenges === undefined ? [] : [['Challenges of idle rings', String(checks.challenges)] as const]),
    ...sliceFigures(checks.slices),
    ['Auditors computed', checks.drawn === 0 ? formatMs(null) : formatMs(checks.computeMs)],
  ]
}

/** Of slices that were challenged while they had no seat. */
function sliceFigures(slices: PoolChecks['slices']): readonly (readonly [name: string, value: string])[] {
  if (slices === undefined) return []
  return [
    ['Slices proved', String(slices.proved)],
    ['Slices found wrong', String(slices.wrong)],
    ['Slices not proved', String(slices.unproved)],
  ]
}

/** `isFree`: nobody pays here, and units are worth nothing. */
export function auditPayWords(shares: NonNullable<PoolSnapshot['auditPay']>, isFree: boolean): string {
  if (shares.length === 0)
    return 'No auditor has units now. Whoever computes checks, and somebody the pool’s owner vouches for finds the same, has some for an hour.'
  const units = shares.reduce((sum, share) => sum + share.units, 0)
  const worth = isFree
    ? ' Work is free here: no money goes with them.'
    : ' Money that streams to the pool is shared by units.'
  return `Beside those of seats, ${units} units are auditors’, by what each computed within the hour and somebody vouched for confirmed.${worth}`
}

/** Null: its slice was never challenged while it stood by, or it is not told. */
export function challengeWords({
  challenged,
  challengesMet = 0,
}: Pick<StandingFacts, 'challenged' | 'challengesMet'>): string | null {
  if (challenged === undefined || challenged === 0) return null
  const times = challenged === 1 ? 'once' : `${challenged} times`
  return `While you stood by, your slice was challenged ${times}, and passed ${challengesMet === 1 ? 'once' : `${challengesMet} times`}. That earns no trust, and a slice that is wrong bars your key.`
}

/** What the accused did, as the end of a sentence that begins with its address. */
export const breachWords: Readonly<Record<BreachReason, string>> = {
  'wrong-output': 'sent something else than its layers compute',
  'broken-receipts': 'signed a receipt that does not meet its neighbour’s',
  withheld: 'did not hand over what a check asked for',
  'false-witness': 'accused an innocent seat, or voted against what can be replayed',
}

/** True from the pool's own conviction on, unless auditors of the chain found otherwise. */
export const isConviction = ({ state }: DisputeView): boolean => state !== 'innocent' && state !== 'undecided'

export interface Convicted {
  readonly operator: string
  readonly what: BreachReason
  readonly evidencePath: string | null
}

/**
 * Wallets that were convicted, each once: as the pool tells since it began, then as its list of disputes tells from before. Whoever the
 * auditors of a chain did not find guilty is not among them.
 */
export function convictedOf(pool: PoolSnapshot, disputes: readonly DisputeView[]): Convicted[] {
  const listed = disputes.map(({ accused, ...rest }) => ({ ...rest, operator: accused.toLowerCase() }))
  const cleared = new Set(
    listed
      .filter(({ operator }, at) => listed.findIndex(one => one.operator === operator) === at)
      .flatMap(({ operator, state }) => (state === 'innocent' || state === 'undecided' ? [operator] : [])),
  )
  const told = listed.map(({ operator, reason, evidence }) => ({
    operator,
    what: reason,
    evidencePath: evidence?.path ?? null,
  }))
  const all: Convicted[] = [...(pool.convicted ?? []), ...told]
  return all
    .filter(({ operator }, at) => all.findIndex(one => one.operator === operator) === at)
    .filter(({ operator }) => !cleared.has(operator))
}

export function disputeStateWords(dispute: DisputeView): string {
  switch (dispute.state) {
    case 'recorded':
      return dispute.coalition === null
        ? 'Convicted by this pool. No stake lay there, so no money moves.'
        : 'Convicted by this pool; the accusation is not on the chain, or not yet.'
    case 'accused':
      return 'Accused on the chain; the accused has time to answer.'
    case 'voting':
      return 'The auditors are voting.'
    case 'guilty':
      return 'Found guilty; the stake is about to be paid out.'
    case 'innocent':
      return 'Found innocent: the accuser’s bond goes to the accused.'
    case 'undecided':
      return 'No quorum in time: the bond went back, and nothing else happens.'
    case 'settled':
      return 'Settled: what the verdict moved has been moved.'
  }
}

/** How the vote stands, and until when; null off the chain. */
export function voteWords({ state, onChain }: DisputeView, toDate: (atMs: number) => string): string | null {
  if (onChain === null || onChain === undefined) return null
  const { guiltyVotes, innocentVotes, quorum, respondUntil, voteUntil } = onChain
  const votes = `Votes: ${guiltyVotes} guilty, ${innocentVotes} innocent; ${quorum} alike decide.`
  if (state === 'accused') return `${votes} Answers count until ${toDate(respondUntil * 1000)}.`
  return state === 'voting' ? `${votes} Votes count until ${toDate(voteUntil * 1000)}.` : votes
}

/** Which organisations said what; null where nobody has, or it is not told. */
export function voterWords({ onChain }: DisputeView): string | null {
  const votes = onChain?.votes ?? []
  if (votes.length === 0) return null
  const way = { 'own-keeper': 'by a run of its own keeper', relay: 'through this pool’s relay' } as const
  const words = votes.map(({ auditor, isGuilty, by, sender }) => {
    const how = by === null ? `by the wallet ${shortHex(sender)}` : way[by]
    return `${shortHex(auditor)} said ${isGuilty ? 'guilty' : 'innocent'} ${how}`
  })
  return `${words.join('; ')}.`
}

/** Of a stake and its bond; null where nothing moved, or the currency is not known. */
export function disputeMoneyWords(dispute: DisputeView, isTest: boolean | null): string | null {
  if (isTest === null) return null
  const money = (amount: bigint) => formatAtomic(amount, isTest)
  const bond = dispute.bondAtomic > 0n ? `Bond ${money(dispute.bondAtomic)}.` : null
  if (dispute.slashedAtomic === null) return bond
  const payer = dispute.payerAtomic ?? 0n
  const taken = `${money(dispute.slashedAtomic)} taken from the stake${payer > 0n ? `, ${plainAtomic(payer)} of it to the payer` : ''}.`
  return bond === null ? taken : `${bond} ${taken}`
}
