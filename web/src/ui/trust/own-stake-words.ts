/** An operator's own stake in words: how it stands, and what brings it back. Pure. */
import type { StakeFacts } from '@computepool/peer/runtime/peer-snapshot.ts'
import { stakeAmountWords } from './trust-words.ts'

export const stakeStateNames: Readonly<Record<StakeFacts['state'], string>> = {
  unstaked: 'None asked for',
  none: 'Not staked',
  offered: 'Terms to sign',
  signed: 'Signed',
  staked: 'Staked',
  unbonding: 'Unbonding',
  slashed: 'Taken',
}

/** `isTest` null: whose money it is, is not known, and no amount is told. `toDate` writes a time as the reader's browser does. */
export function ownStakeWords(
  stake: StakeFacts,
  isTest: boolean | null,
  toDate: (atMs: number) => string = atMs => new Date(atMs).toLocaleString(),
): string {
  const isKnown = isTest !== null && stake.amountAtomic !== '0'
  const amount = (isKnown ? stakeAmountWords(stake.amountAtomic, isTest) : null) ?? 'The stake'
  const lies = stake.coalition === null ? 'on the chain' : `in coalition ${stake.coalition} on the chain`
  switch (stake.state) {
    case 'unstaked':
      return 'This pool asks for no stake: a conviction costs work and standing, no money.'
    case 'none':
      return 'You have not staked yet: until then your work is not paid.'
    case 'offered':
      return 'The pool offers terms. This tab compares them with what it holds and with your limit, then signs or refuses.'
    case 'signed':
      return 'This tab has signed the terms and its stake. They count as soon as all members’ words are on the chain.'
    case 'staked':
      return !isKnown ? `The stake lies ${lies}.` : `${amount} of this key’s money lies ${lies}.`
    case 'unbonding':
      return stake.untilMs === undefined
        ? `${amount} comes back after the registry’s unbonding time.`
        : `${amount} unbonds until ${toDate(stake.untilMs)}. Then this pool has it sent back to this key; anybody may, should the pool not.`
    case 'slashed':
      return `${amount} was taken by a verdict of the auditors. The list of disputes shows where it went.`
  }
}

/** The desk's own words where they tell more than the state: why nothing lies there, or what follows. It names no currency, so no amounts. */
export const deskWords = ({ state, words }: StakeFacts): string | null =>
  words !== '' && (state === 'none' || state === 'slashed') ? words : null

/** What brings it back; null where nothing lies there. */
export function wayBackWords({ state }: StakeFacts): string | null {
  if (state === 'staked' || state === 'signed') {
    return 'What brings it back: leave with the button above. The tab signs that it leaves, the stake unbonds, and after that time this pool has the registry send it to this key; anybody else may too, and it goes nowhere else. While a dispute against this key is open, it stays.'
  }
  return state === 'unbonding'
    ? 'Nothing is left to do but wait. A dispute that opens meanwhile still holds it: unbonding outlasts one.'
    : null
}
