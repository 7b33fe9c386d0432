/**
 * Sets the rate at which this organisation's wallet streams into a pool: an absolute target, so it may be repeated. Repeating it after
 * units changed is worth its gas: it brings back to the members what Superfluid's rounding turned to the pool's admin. Rate 0 is the
 * stop; one that finds nothing running costs no transaction.
 */
import { addressField, answering, type StepFailure, type SuperfluidPort, wholeField } from '../superfluid-port.ts'
import { findAgreement } from './find-agreement.ts'

export interface DistributeFlowInput {
  readonly token: unknown
  readonly pool: unknown
  /** Wei a second, for all members together. */
  readonly flowRate: unknown
}
export type StopDistributionInput = Omit<DistributeFlowInput, 'flowRate'>

export type DistributeFlowResult =
  | {
      readonly success: true
      /** What runs now, after Superfluid rounded it down to a multiple of the pool's units. */
      readonly flowRate: string
      /** True where it had stopped already. */
      readonly wasSet: boolean
      readonly transactionHash: string | null
    }
  | StepFailure

export const stopDistributionCore = (
  input: StopDistributionInput,
  port: SuperfluidPort,
): Promise<DistributeFlowResult> => distributeFlowCore({ ...input, flowRate: '0' }, port)

export const distributeFlowCore = (input: DistributeFlowInput, port: SuperfluidPort): Promise<DistributeFlowResult> =>
  answering(async (): Promise<DistributeFlowResult> => {
    const [token, pool] = [addressField(input.token, 'token'), addressField(input.pool, 'pool')]
    const wanted = BigInt(wholeField(input.flowRate, 'flowRate'))
    const found = await findAgreement(token, port)
    if (!found.success) return found
    const { host, gda } = found
    const from = await port.walletAddress()
    const place = { gda, token, from, pool }
    const running = await rateOf(place, port)
    if (!running.success) return running
    if (wanted === 0n && running.flowRate === 0n) {
      return { success: true, flowRate: '0', wasSet: true, transactionHash: null }
    }
    const flow = port.encodeCall('distributeFlow', [token, from, pool, String(wanted), '0x'])
    const written = await port.write(host, 'callAgreement', [gda, flow, '0x'])
    if (!written.success) return written
    const after = await rateOf(place, port)
    if (!after.success) return after
    const transactionHash = written.transactionHash ?? null
    return { success: true, flowRate: String(after.flowRate), wasSet: false, transactionHash }
  })

interface FlowPlace {
  readonly gda: string
  readonly token: string
  readonly from: string
  readonly pool: string
}

async function rateOf(
  { gda, token, from, pool }: FlowPlace,
  port: SuperfluidPort,
): Promise<{ readonly success: true; readonly flowRate: bigint } | StepFailure> {
  const flow = await port.read(gda, 'getFlow', [token, from, pool])
  if (!flow.success) return flow
  return { success: true, flowRate: BigInt(String((flow.result as { flowRate: unknown }).flowRate)) }
}
