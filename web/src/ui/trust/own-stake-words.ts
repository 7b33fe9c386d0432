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
  const amount = stakeAmountWords(stake.amountAtomic, isTest) ?? 'The stake'
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
      return isTest === null ? `The stake lies ${lies}.` : `${amount} of this key’s money lies ${lies}.`
    case 'unbonding':
      return stake.untilMs === undefined
        ? `${amount} comes back after the registry’s unbonding time.`
        : `${amount} unbonds until ${toDate(stake.untilMs)}. From then on it can be sent back to this key.`
    case 'slashed':
      return `${amount} was taken by a verdict of the auditors. The list of disputes shows where it went.`
  }
}

/** What brings it back; null where nothing lies there. */
export function wayBackWords({ state }: StakeFacts): string | null {
  if (state === 'staked' || state === 'signed') {
    return 'What brings it back: leave with the button above. The tab signs that it leaves, the stake unbonds, and after that time anybody may have the registry send it to this key, and to no other. While a dispute against this key is open, it stays.'
  }
  return state === 'unbonding'
    ? 'Nothing is left to do but wait. A dispute that opens meanwhile still holds it: unbonding outlasts one.'
    : null
}
