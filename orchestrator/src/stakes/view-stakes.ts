/** Stakes as they are shown: of the pool, a ring, an operator, in words. It reads what others found out, and asks nobody. */
import { operatorOf } from '../receipts/operator-of.ts'
import { keyOfSeats, keyOfTerms, type RingToStake } from './rings-to-stake.ts'
import type { StakeTerms } from './stake-book.ts'
import { membersOf, type OperatorStake, operatorStake, type StakePicture } from './stake-picture.ts'
import type { StakeSource } from './stake-source.ts'
import { notStakedYet, stakeWords } from './stake-words.ts'

export interface StakeOf extends Omit<OperatorStake, 'state'> {
  readonly state: OperatorStake['state'] | 'offered' | 'signed'
  readonly words: string
}

export interface StakeView extends Pick<StakeSource, 'view' | 'reasonOf' | 'ringOf'> {
  stakeOf(operator: string): StakeOf
  /** What the operator is to read while it has no stake. */
  say(operator: string, words: string): void
  /** Rings for which no terms can be made, and why. */
  setRefused(rings: readonly RingToStake[], refused: ReadonlyMap<string, { readonly text: string }>): void
}

export interface StakeViewOptions {
  readonly stakeAtomic: bigint
  readonly picture: () => StakePicture
  readonly rows: () => readonly StakeTerms[]
}

const mostWords = 4096

export function createStakeView({ stakeAtomic, picture, rows }: StakeViewOptions): StakeView {
  /** What was last said to whom; who was told last is last. */
  const said = new Map<string, string>()
  let refused = new Map<string, string>()

  const pending = (has: (row: StakeTerms) => boolean): StakeTerms | undefined =>
    rows().findLast(row => (row.state === 'offered' || row.state === 'signed' || row.state === 'proposed') && has(row))

  const stakeOf = (operator: string): StakeOf => {
    const found = operatorStake(picture(), operator)
    const { state, coalition, amountAtomic } = found
    if (state === 'staked') return { ...found, words: stakeWords.staked(amountAtomic, coalition!) }
    if (state === 'slashed') return { ...found, words: stakeWords.slashed }
    const row = pending(({ terms }) => terms.parties.some(party => party.operator === operator))
    if (row !== undefined) {
      const hasSigned = row.state !== 'offered' || row.consents.some(consent => consent.operator === operator)
      const state = hasSigned ? 'signed' : 'offered'
      return { ...found, state, words: stakeWords[state] }
    }
    if (state === 'unbonding') return { ...found, words: stakeWords.unbonding(amountAtomic) }
    return { ...found, words: refused.get(operator) ?? said.get(operator) ?? stakeWords.none }
  }

  return {
    stakeOf,
    view: () => ({ mode: 'staked', amountAtomic: String(stakeAtomic) }),
    reasonOf: operator => {
      const { state, words } = stakeOf(operator)
      return state === 'staked' ? null : notStakedYet(words)
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
    say: (operator, words) => {
      said.delete(operator)
      said.set(operator, words)
      if (said.size > mostWords) said.delete(said.keys().next().value!)
    },
    setRefused: (rings, found) => {
      refused = new Map(
        rings.flatMap(({ key, peers }) => {
          const text = found.get(key)?.text
          return text === undefined ? [] : [...peers.keys()].map(operator => [operator, text] as const)
        }),
      )
    },
  }
}
