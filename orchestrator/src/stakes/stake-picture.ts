/**
 * What the chain says of the coalitions that this pool looks after: who is a member of which, and whose stake lies where. Read anew each
 * time, never reckoned from what was sent.
 */
import type { CoalitionTerms, Hex } from '@computepool/shared/coalition'
import type { CoalitionReader, CoalitionView, StakeView } from '../coalition/index.ts'
import type { StakeTerms } from './stake-book.ts'

export interface HeldCoalition {
  readonly view: CoalitionView
  /** Of everybody who ever was a party here, but those of whom nothing is left. */
  readonly stakes: readonly StakeView[]
  /** Of ours, those in force; null where somebody else re-split it. */
  readonly terms: CoalitionTerms | null
}

export interface StakePicture {
  readonly coalitions: readonly HeldCoalition[]
  readonly guilty: ReadonlySet<string>
}

export interface OperatorStake {
  readonly state: 'none' | 'staked' | 'unbonding' | 'slashed'
  readonly coalition: bigint | null
  readonly amountAtomic: bigint
  /** Unix seconds: while it unbonds, when it is free. */
  readonly releasableAt: bigint
}

const nothing: OperatorStake = { state: 'none', coalition: null, amountAtomic: 0n, releasableAt: 0n }

/** Of one wallet, lower case: the best that can be said of it. */
export function operatorStake({ coalitions, guilty }: StakePicture, operator: string): OperatorStake {
  let unbonding = nothing
  for (const { view, stakes } of coalitions) {
    const stake = stakes.find(one => one.operator === operator)
    if (stake === undefined || stake.amountAtomic === 0n) continue
    const { amountAtomic, releasableAt } = stake
    const here = { coalition: view.id, amountAtomic, releasableAt }
    if (stake.isMember && view.state === 'active' && !stake.isGuilty && !guilty.has(operator)) {
      return { ...here, state: 'staked' }
    }
    if (!stake.isMember) unbonding = { ...here, state: 'unbonding' }
  }
  if (guilty.has(operator)) return { ...unbonding, state: 'slashed' }
  return unbonding
}

/** Members as the contract counts them. */
export const membersOf = ({ stakes }: HeldCoalition): StakeView[] => stakes.filter(({ isMember }) => isMember)

export interface PictureReader {
  /** Errors: `chain_unreachable`. */
  read(rows: readonly StakeTerms[], knownGuilty: ReadonlySet<string>): Promise<StakePicture>
  /** Nothing of this operator is left there: it is asked about no more until terms in force name it again. */
  forget(id: bigint, operator: string): void
}

export function createPictureReader(reader: CoalitionReader): PictureReader {
  const gone = new Map<bigint, Set<string>>()

  const read = async (id: bigint, rows: readonly StakeTerms[]): Promise<HeldCoalition> => {
    const view = await reader.coalitionOf(id)
    const current = new Set(view.parties.map(({ operator }) => operator))
    const left = gone.get(id) ?? new Set<string>()
    gone.set(id, left)
    // Whoever was asked for terms had nothing there either, before it came: it is looked at again once it goes.
    for (const operator of current) left.delete(operator)
    const ever = new Set<Hex>(current)
    for (const { terms } of rows) for (const { operator } of terms.parties) ever.add(operator)
    const asked = [...ever].filter(operator => current.has(operator) || !left.has(operator))
    const stakes = view.state === 'none' ? [] : await reader.stakesOf(id, asked)
    const terms = rows.find(({ termsHash }) => termsHash === view.termsHash)?.terms ?? null
    return { view, stakes, terms }
  }

  return {
    forget: (id, operator) => void gone.get(id)?.add(operator),
    read: async (rows, knownGuilty) => {
      const ids = [...new Set(rows.flatMap(({ coalition }) => (coalition === null ? [] : [coalition])))]
      for (const id of gone.keys()) if (!ids.includes(id)) gone.delete(id)
      const coalitions: HeldCoalition[] = []
      for (const id of ids) {
        coalitions.push(
          await read(
            id,
            rows.filter(({ coalition }) => coalition === id),
          ),
        )
      }
      const guilty = new Set(knownGuilty)
      for (const { stakes } of coalitions) for (const one of stakes) if (one.isGuilty) guilty.add(one.operator)
      return { coalitions, guilty }
    },
  }
}
