/** Carries a dispute to its end: closes one that found no quorum in time, and pays out what the verdict says, once. */
import { type CoalitionPort, failed, type StepFailure, type Verdict } from '../coalition-port.ts'
import { answering, id } from '../step-inputs.ts'
import { disputeOf } from './read-coalition.ts'

export interface ResolveInput {
  readonly disputeId: unknown
}

export type ResolveResult =
  | {
      readonly success: true
      readonly verdict: Verdict
      readonly wasSettled: boolean
      readonly closeTransactionHash: string | null
      readonly transactionHash: string | null
    }
  | StepFailure

export const resolveCore = (input: ResolveInput, port: CoalitionPort): Promise<ResolveResult> =>
  answering(async (): Promise<ResolveResult> => {
    const dispute = id(input.disputeId, 'disputeId')
    let found = await disputeOf(dispute, port)
    if (!found.success) return found
    let closeTransactionHash: string | null = null
    if (found.verdict === 'open') {
      if (port.nowSeconds() <= found.voteUntil) {
        return failed(`Dispute ${dispute} has no verdict; auditors may vote until ${found.voteUntil}.`)
      }
      const closed = await port.write('close', [dispute])
      if (!closed.success) return closed
      closeTransactionHash = closed.transactionHash ?? null
      found = await disputeOf(dispute, port)
      if (!found.success) return found
    }
    const told = { success: true, verdict: found.verdict, closeTransactionHash } as const
    if (found.isSettled) return { ...told, wasSettled: true, transactionHash: null }
    const written = await port.write('settle', [dispute])
    if (written.success) return { ...told, wasSettled: false, transactionHash: written.transactionHash ?? null }
    // Anyone may settle, and somebody may have been faster.
    const after = await disputeOf(dispute, port)
    return after.success && after.isSettled ? { ...told, wasSettled: true, transactionHash: null } : written
  })
