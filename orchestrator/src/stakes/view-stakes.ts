/** Stakes as they are shown: of the pool, a ring, an operator, in words. It reads what others found out, and asks nobody. */
import { operatorOf } from '../receipts/operator-of.ts'
import { keyOfSeats, keyOfTerms } from './rings-to-stake.ts'
import type { StakeTerms } from './stake-book.ts'
import { membersOf, type OperatorStake, operatorStake, type StakePicture } from './stake-picture.ts'
import type { StakeSource } from './stake-source.ts'
import { notStakedYet, stakeWords } from './stake-words.ts'
import type { Willingness } from './who-is-willing.ts'

export interface StakeOf extends Omit<OperatorStake, 'state'> {
  readonly state: OperatorStake['state'] | 'offered' | 'signed'
  readonly words: string
}

export interface StakeView extends Pick<StakeSource, 'view' | 'reasonOf' | 'ringOf' | 'factorOf'> {
  stakeOf(operator: string): StakeOf
}

export interface StakeViewOptions {
  readonly stakeAtomic: bigint
  readonly picture: () => StakePicture
  readonly rows: () => readonly StakeTerms[]
  /** It signed these terms without its stake. */
  readonly hasAgreed: (row: StakeTerms, operator: string) => boolean
  readonly willing: Pick<Willingness, 'faultOf' | 'sparedOf' | 'factorOf'>
}

export function createStakeView({ stakeAtomic, picture, rows, hasAgreed, willing }: StakeViewOptions): StakeView {
  const pending = (has: (row: StakeTerms) => boolean): StakeTerms | undefined =>
    rows().findLast(row => (row.state === 'offered' || row.state === 'signed' || row.state === 'proposed') && has(row))

  /** Its own fault, or that it is not its own. */
  const waitsFor = (operator: string): string | null => {
    const why = willing.sparedOf(operator)
    return willing.faultOf(operator) ?? (why === null ? null : stakeWords.spared(why))
  }

  const stakeOf = (operator: string): StakeOf => {
    const found = operatorStake(picture(), operator)
    const { state, coalition, amountAtomic } = found
    if (state === 'staked') return { ...found, words: stakeWords.staked(amountAtomic, coalition!) }
    if (state === 'slashed') return { ...found, words: stakeWords.slashed }
    const row = pending(({ terms }) => terms.parties.some(party => party.operator === operator))
    if (row !== undefined) {
      const isIn = row.consents.some(consent => consent.operator === operator) || hasAgreed(row, operator)
      const hasSigned = row.state !== 'offered' || isIn
      const state = hasSigned ? 'signed' : 'offered'
      return { ...found, state, words: [stakeWords[state], waitsFor(operator)].filter(text => text !== null).join(' ') }
    }
    if (state === 'unbonding') return { ...found, words: stakeWords.unbonding(amountAtomic) }
    return { ...found, words: waitsFor(operator) ?? stakeWords.none }
  }

  return {
    stakeOf,
    view: () => ({ mode: 'staked', amountAtomic: String(stakeAtomic) }),
    reasonOf: operator => {
      const { state, words } = stakeOf(operator)
      if (state === 'staked') return null
      const isSpared = state !== 'slashed' && willing.sparedOf(operator) !== null
      return isSpared ? null : notStakedYet(words)
    },
    ringOf: ({ seats }) => {
      const operators = new Set(seats.map(({ peer }) => operatorOf(peer)))
      const key = keyOfSeats([...seats])
      const staked = [...operators].filter(operator => operatorStake(picture(), operator).state === 'staked').length
      const row = pending(({ terms }) => keyOfTerms(terms) === key)
      const fitting = picture().coalitions.find(
        held =>
          held.view.state === 'active' &&
          keyOfTerms(held.view) === key &&
          membersOf(held).filter(({ operator }) => operators.has(operator)).length === operators.size,
      )
      const of = operators.size
      if (fitting !== undefined) return { state: 'active', coalition: String(fitting.view.id), staked, of }
      if (row === undefined) return { state: 'none', coalition: null, staked, of }
      const state = row.terms.version > 0 ? 'resplitting' : row.state === 'offered' ? 'offered' : 'proposed'
      return { state, coalition: row.coalition === null ? null : String(row.coalition), staked, of }
    },
    factorOf: willing.factorOf,
  }
}
