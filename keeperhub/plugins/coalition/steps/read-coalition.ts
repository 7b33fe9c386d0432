/** Views of the Coalition contract in the words of the plugin; what several steps look at before they do anything. */
import {
  type CoalitionPort,
  failed,
  type State,
  type StepFailure,
  states,
  type Verdict,
  verdicts,
} from '../coalition-port.ts'

export type KnownCoalition =
  | { readonly success: true; readonly termsHash: string; readonly coalitionId: string | null }
  | StepFailure

/** Which coalition these terms made; null where they are not proposed. */
export async function coalitionOf(terms: Record<string, unknown>, port: CoalitionPort): Promise<KnownCoalition> {
  const hash = await port.read('termsHash', [terms])
  if (!hash.success) return hash
  const termsHash = String(hash.result)
  const found = await port.read('coalitionOf', [termsHash])
  if (!found.success) return found
  const coalitionId = String(found.result)
  return { success: true, termsHash, coalitionId: coalitionId === '0' ? null : coalitionId }
}

export async function isMember(
  coalitionId: string,
  operator: string,
  port: CoalitionPort,
): Promise<{ readonly success: true; readonly isMember: boolean } | StepFailure> {
  const stake = await port.read('stakeOf', [coalitionId, operator])
  return stake.success ? { success: true, isMember: field(stake.result, 'isMember') === true } : stake
}

export interface CoalitionState {
  readonly success: true
  readonly state: State
  readonly version: string
  readonly termsHash: string
  readonly endsAt: string
}

export async function stateOf(coalitionId: string, port: CoalitionPort): Promise<CoalitionState | StepFailure> {
  const read = await port.read('stateOf', [coalitionId])
  if (!read.success) return read
  const state = states[Number(field(read.result, 'state'))]
  if (state === undefined) return failed('The contract told a state that this plugin does not know.')
  const [version, termsHash, endsAt] = ['version', 'termsHash_', 'endsAt'].map(name => String(field(read.result, name)))
  return { success: true, state, version: version ?? '', termsHash: termsHash ?? '', endsAt: endsAt ?? '' }
}

export interface DisputeState {
  readonly success: true
  readonly coalitionId: string
  readonly accused: string
  readonly accuser: string
  readonly session: string
  readonly evidenceHash: string
  readonly reason: string
  readonly verdict: Verdict
  readonly isSettled: boolean
  readonly quorum: number
  readonly guiltyVotes: number
  readonly innocentVotes: number
  /** Unix seconds; a window's last second. */
  readonly respondUntil: number
  readonly voteUntil: number
}

export async function disputeOf(disputeId: string, port: CoalitionPort): Promise<DisputeState | StepFailure> {
  const read = await port.read('disputeOf', [disputeId])
  if (!read.success) return read
  const d = read.result
  const verdict = verdicts[Number(field(d, 'verdict'))]
  if (verdict === undefined) return failed('The contract told a verdict that this plugin does not know.')
  if (/^0x0{40}$/.test(String(field(d, 'accused')))) return failed(`There is no dispute ${disputeId}.`)
  return {
    success: true,
    coalitionId: String(field(d, 'coalition')),
    accused: String(field(d, 'accused')),
    accuser: String(field(d, 'accuser')),
    session: String(field(d, 'session')),
    evidenceHash: String(field(d, 'evidenceHash')),
    reason: String(field(d, 'reason')),
    verdict,
    isSettled: field(d, 'isSettled') === true,
    quorum: Number(field(d, 'quorum')),
    guiltyVotes: Number(field(d, 'guiltyVotes')),
    innocentVotes: Number(field(d, 'innocentVotes')),
    respondUntil: Number(field(d, 'respondUntil')),
    voteUntil: Number(field(d, 'voteUntil')),
  }
}

export const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
