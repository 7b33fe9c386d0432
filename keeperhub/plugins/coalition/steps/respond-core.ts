/** The accused's answer, signed by the organisation's wallet, which must be the accused's. */
import { type CoalitionPort, failed, type StepFailure } from '../coalition-port.ts'
import { answering, hash32, id } from '../step-inputs.ts'
import { typedData } from '../typed-data.ts'
import { disputeOf } from './read-coalition.ts'

export interface RespondInput {
  readonly disputeId: unknown
  readonly responseHash: unknown
  readonly responseUri?: unknown
}

export type RespondResult = { readonly success: true; readonly transactionHash: string | null } | StepFailure

export const respondCore = (input: RespondInput, port: CoalitionPort): Promise<RespondResult> =>
  answering(async (): Promise<RespondResult> => {
    const dispute = id(input.disputeId, 'disputeId')
    const responseHash = hash32(input.responseHash, 'responseHash')
    const found = await disputeOf(dispute, port)
    if (!found.success) return found
    const wallet = await port.walletAddress()
    if (found.accused.toLowerCase() !== wallet.toLowerCase())
      return failed(`${wallet} is not accused in dispute ${dispute}.`)
    if (found.verdict !== 'open') return failed(`Dispute ${dispute} is decided: ${found.verdict}.`)
    const signed = await port.sign(typedData(port, 'Respond', { dispute, responseHash }))
    if (!signed.success) return signed
    const written = await port.write('respond', [
      dispute,
      responseHash,
      String(input.responseUri ?? ''),
      signed.signature,
    ])
    return written.success ? { success: true, transactionHash: written.transactionHash ?? null } : written
  })
