/** What the model of a Coalition keeps, and in which words it is told of commands. Knows no rule. */
import type { Address, Hex } from 'viem'

export interface ModelConfig {
  readonly treasury: Address
  readonly quorum: number
  readonly bondAtomic: bigint
  readonly accuserCostAtomic: bigint
  readonly responseSeconds: number
  readonly voteSeconds: number
  readonly unbondingSeconds: number
  readonly maxTermSeconds: number
  readonly slashBps: readonly number[]
  /** What the vault says of a session: whose it is, and what it owes operators. */
  readonly sessions: ReadonlyMap<Hex, { readonly payer: Address; readonly dueAtomic: bigint }>
}

export interface ModelTerms {
  /** Tells terms apart: equal exactly where they are the same. */
  readonly key: Hex
  /** Spans tile, and parties are all different. */
  readonly isSound: boolean
  readonly stakeAtomic: bigint
  readonly proposalEndsAt: number
  readonly endsAt: number
  readonly version: number
  readonly operators: readonly Address[]
}

export interface ModelConsent {
  readonly operator: Address
  /** Whether the operator signed these very terms. */
  readonly isSigned: boolean
  readonly stake: 'authorized' | 'forged' | 'empty'
}

export interface ModelStake {
  amountAtomic: bigint
  releasableAt: number
  openDisputes: number
  isMember: boolean
  isGuilty: boolean
}

export interface ModelCoalition {
  state: 'proposed' | 'active' | 'ended'
  terms: ModelTerms
  readonly stakes: Map<Address, ModelStake>
  /** When a re-split brought them in. */
  readonly joinedAt: Map<Address, number>
  /** Who shares in the slashes of those that are accused after its end. */
  sharersAtEnd: readonly Address[] | undefined
}

export interface Accusation {
  readonly accused: Address
  readonly accuser: Address
  readonly reason: number
  readonly session: Hex
  readonly evidenceHash: Hex
  readonly bondAtomic: bigint
}

export interface ModelDispute extends Accusation {
  readonly of: ModelCoalition
  readonly version: number
  readonly openedAt: number
  readonly quorum: number
  /** Members when it was opened, but for the newest and the accused. */
  readonly sharers: readonly Address[]
  respondUntil: number
  readonly voteUntil: number
  responseHash: Hex | undefined
  readonly ballots: Map<Address, boolean>
  /** Votes at the verdict; until then they are counted anew. */
  counted: readonly [guilty: number, innocent: number] | undefined
  verdict: 'open' | 'guilty' | 'innocent' | 'undecided'
  /** Guilty, and the first to be so on its evidence: it slashes. */
  isFirst: boolean
  isSettled: boolean
}
