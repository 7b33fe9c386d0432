/** How a stake stands, in words for its operator. It decides nothing. */
import type { WordFault } from '../coalition/index.ts'

/** 5000000 is "5", 5250000 "5.25": nothing is rounded. */
function atomicToText(amountAtomic: bigint): string {
  const cents = String(amountAtomic % 1_000_000n).padStart(6, '0')
  return `${amountAtomic / 1_000_000n}${`.${cents}`.replace(/\.?0+$/, '')}`
}

export const stakeWords = {
  none: 'No terms were offered yet.',
  offered: 'Terms were offered: this peer signs them by itself, if its owner’s settings allow it.',
  signed: 'Signed: it goes to the chain when all of the ring have signed.',
  staked: (amountAtomic: bigint, coalition: bigint): string =>
    `${atomicToText(amountAtomic)} USDC are at stake in coalition ${coalition}.`,
  unbonding: (amountAtomic: bigint): string =>
    `${atomicToText(amountAtomic)} USDC unbond and come back to the wallet by themselves.`,
  silent: (silentMs: number): string => `This peer was offered terms and gave no answer within ${silentMs / 1000} s.`,
  otherSplit: (operator: string): string => `${operator} holds layers of this ring that are no one span`,
  otherGuilty: (operator: string): string => `${operator} was found guilty of a breach`,
  otherFault: (operator: string, kind: 'refused' | 'silent'): string =>
    kind === 'refused' ? `${operator} does not stake` : `${operator} has not answered the terms`,
  spent: (untilMs: number): string =>
    `This wallet signed a stake and had it no more when it was to be drawn: nobody is asked for a stake beside it until ${timeText(untilMs)}, and others are seated before it.`,
  youSpent: 'You signed a stake and had it no more when it was to be drawn',
  otherSpent: (operator: string): string => `${operator} has spent a stake that it had signed`,
  otherBound: (operator: string): string => `The stake of ${operator} lies in a coalition whose others are gone`,
  chainFails: 'The terms are signed, and could not be put on the chain yet',
  spared: (why: string): string => `Nothing is at stake, and it earns all the same for now: ${why.replace(/\.$/, '')}.`,
  slashed: 'Found guilty of a breach: no terms are offered to this wallet any more.',
} as const

/** 2026-01-31 12:00 UTC. */
const timeText = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`

/** Why units are withheld. */
export const notStakedYet = (words: string): string => `Earns nothing for now: you have not staked yet. ${words}`

export const faultWords = (fault: WordFault | 'too-short', stakeAtomic: bigint): string => {
  switch (fault) {
    case 'transfer-unfunded':
      return `The wallet holds less than the stake of ${atomicToText(stakeAtomic)} USDC.`
    case 'transfer-used':
      return 'The stake’s authorization was used or cancelled already.'
    case 'transfer-untimely':
    case 'too-short':
      return 'The stake’s authorization does not hold as long as the offer.'
    case 'stake-missing':
      return 'The terms were signed without a stake.'
    case 'party-guilty':
      return stakeWords.slashed
    default:
      return `The signature is not good (${fault}).`
  }
}
