/** What the chain says of a coalition: its state, its parties, who of them has consented. */
import type { CoalitionPort, State, StepFailure } from '../coalition-port.ts'
import { answering, id } from '../step-inputs.ts'
import { field, stateOf } from './read-coalition.ts'

export interface CheckStatusInput {
  readonly coalitionId: unknown
}

export interface PartyStatus {
  readonly operator: string
  readonly firstLayer: string
  readonly endLayer: string
  readonly units: string
  readonly stakeAtomic: string
  readonly isMember: boolean
  readonly isGuilty: boolean
  readonly openDisputes: string
}

export type CheckStatusResult =
  | {
      readonly success: true
      readonly state: State
      readonly version: string
      readonly termsHash: string
      readonly endsAt: string
      readonly parties: readonly PartyStatus[]
      readonly memberCount: number
      readonly partyCount: number
      /** Proposed, and all have consented: `activate` would succeed. */
      readonly isReady: boolean
    }
  | StepFailure

export const checkStatusCore = (input: CheckStatusInput, port: CoalitionPort): Promise<CheckStatusResult> =>
  answering(async (): Promise<CheckStatusResult> => {
    const coalitionId = id(input.coalitionId, 'coalitionId')
    const found = await stateOf(coalitionId, port)
    if (!found.success) return found
    const read = await port.read('partiesOf', [coalitionId])
    if (!read.success) return read
    const parties: PartyStatus[] = []
    for (const party of Array.isArray(read.result) ? read.result : []) {
      const operator = String(field(party, 'operator'))
      const stake = await port.read('stakeOf', [coalitionId, operator])
      if (!stake.success) return stake
      const text = (from: unknown, name: string): string => String(field(from, name))
      parties.push({
        operator,
        firstLayer: text(party, 'firstLayer'),
        endLayer: text(party, 'endLayer'),
        units: text(party, 'units'),
        stakeAtomic: text(stake.result, 'amountAtomic'),
        isMember: field(stake.result, 'isMember') === true,
        isGuilty: field(stake.result, 'isGuilty') === true,
        openDisputes: text(stake.result, 'openDisputes'),
      })
    }
    const memberCount = parties.filter(({ isMember }) => isMember).length
    const isReady = found.state === 'proposed' && parties.length > 0 && memberCount === parties.length
    return { ...found, parties, memberCount, partyCount: parties.length, isReady }
  })
