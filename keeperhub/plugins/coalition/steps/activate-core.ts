/** Makes a proposed coalition active; one that is active already is left alone. */
import { type CoalitionPort, failed, type StepFailure } from '../coalition-port.ts'
import { answering, id } from '../step-inputs.ts'
import { stateOf } from './read-coalition.ts'

export interface ActivateInput {
  readonly coalitionId: unknown
}

export type ActivateResult =
  | { readonly success: true; readonly wasActive: boolean; readonly transactionHash: string | null }
  | StepFailure

export const activateCore = (input: ActivateInput, port: CoalitionPort): Promise<ActivateResult> =>
  answering(async (): Promise<ActivateResult> => {
    const coalitionId = id(input.coalitionId, 'coalitionId')
    const found = await stateOf(coalitionId, port)
    if (!found.success) return found
    if (found.state === 'active') return { success: true, wasActive: true, transactionHash: null }
    if (found.state !== 'proposed') return failed(`Coalition ${coalitionId} is ${found.state}, not proposed.`)
    const written = await port.write('activate', [coalitionId])
    return written.success
      ? { success: true, wasActive: false, transactionHash: written.transactionHash ?? null }
      : written
  })
