/**
 * An auditor's vote, signed and sent by the auditor's own organisation: that it is its own is what makes N votes N opinions. The caller
 * names the evidence that was looked at; a vote on other evidence than the dispute's is not cast.
 */
import { type CoalitionPort, failed, type StepFailure, type Verdict } from '../coalition-port.ts'
import { answering, flag, hash32, id } from '../step-inputs.ts'
import { typedData } from '../typed-data.ts'
import { disputeOf } from './read-coalition.ts'

export interface VoteInput {
  readonly disputeId: unknown
  readonly isGuilty: unknown
  /** Of the evidence that this vote is about, as the auditor computed it. */
  readonly evidenceHash: unknown
}

export type VoteResult =
  | {
      readonly success: true
      readonly auditor: string
      /** False where this auditor had voted, or others had decided already. */
      readonly wasCast: boolean
      readonly verdict: Verdict
      readonly guiltyVotes: number
      readonly innocentVotes: number
      readonly quorum: number
      readonly transactionHash: string | null
    }
  | StepFailure

export const voteCore = (input: VoteInput, port: CoalitionPort): Promise<VoteResult> =>
  answering(async (): Promise<VoteResult> => {
    const dispute = id(input.disputeId, 'disputeId')
    const isGuilty = flag(input.isGuilty, 'isGuilty')
    const seen = hash32(input.evidenceHash, 'evidenceHash')
    const before = await disputeOf(dispute, port)
    if (!before.success) return before
    const { evidenceHash } = before
    if (evidenceHash.toLowerCase() !== seen.toLowerCase()) {
      return failed(`Dispute ${dispute} is about the evidence ${evidenceHash}, not ${seen}.`)
    }
    const auditor = await port.walletAddress()
    const told = async (wasCast: boolean, transactionHash: string | null): Promise<VoteResult> => {
      const after = await disputeOf(dispute, port)
      if (!after.success) return after
      const { verdict, guiltyVotes, innocentVotes, quorum } = after
      return { success: true, auditor, wasCast, verdict, guiltyVotes, innocentVotes, quorum, transactionHash }
    }
    if (before.verdict !== 'open') return told(false, null)
    const signed = await port.sign(typedData(port, 'Vote', { dispute, isGuilty, evidenceHash }))
    if (!signed.success) return signed
    const written = await port.write('vote', [dispute, isGuilty, auditor, signed.signature])
    if (written.success) return told(true, written.transactionHash ?? null)
    // An earlier run of this step cast it, or others decided in the meantime.
    return /AlreadyVoted|DisputeDecided/.test(written.error) ? told(false, null) : written
  })
