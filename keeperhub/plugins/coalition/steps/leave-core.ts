/** The organisation's wallet leaves a coalition; its stake unbonds, and stays liable until then. */
import { type CoalitionPort, failed, type StepFailure } from '../coalition-port.ts'
import { answering, id } from '../step-inputs.ts'
import { typedData } from '../typed-data.ts'
import { field, stateOf } from './read-coalition.ts'

export interface LeaveInput {
  readonly coalitionId: unknown
}

export type LeaveResult =
  | {
      readonly success: true
      readonly hadLeft: boolean
      /** Unix seconds, after which the stake may be released. */
      readonly releasableAt: string
      readonly transactionHash: string | null
    }
  | StepFailure

export const leaveCore = (input: LeaveInput, port: CoalitionPort): Promise<LeaveResult> =>
  answering(async (): Promise<LeaveResult> => {
    const coalitionId = id(input.coalitionId, 'coalitionId')
    const operator = await port.walletAddress()
    const before = await port.read('stakeOf', [coalitionId, operator])
    if (!before.success) return before
    const releasableAt = String(field(before.result, 'releasableAt'))
    if (field(before.result, 'isMember') !== true) {
      if (releasableAt === '0') return failed(`${operator} is no member of coalition ${coalitionId}.`)
      return { success: true, hadLeft: true, releasableAt, transactionHash: null }
    }
    const found = await stateOf(coalitionId, port)
    if (!found.success) return found
    const message = { id: coalitionId, operator, version: found.version }
    const signed = await port.sign(typedData(port, 'Leave', message))
    if (!signed.success) return signed
    const written = await port.write('leave', [coalitionId, operator, signed.signature])
    if (!written.success) return written
    const after = await port.read('stakeOf', [coalitionId, operator])
    if (!after.success) return after
    const transactionHash = written.transactionHash ?? null
    return { success: true, hadLeft: false, releasableAt: String(field(after.result, 'releasableAt')), transactionHash }
  })
