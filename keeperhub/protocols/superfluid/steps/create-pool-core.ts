/** Creates a distribution pool and reads its address back from the transaction's own PoolCreated event. */
import { poolCreatedTopic } from '../superfluid-abi.ts'
import {
  addressField,
  answering,
  failed,
  flagField,
  type StepFailure,
  type SuperfluidPort,
} from '../superfluid-port.ts'
import { findAgreement } from './find-agreement.ts'

export interface CreatePoolInput {
  readonly token: unknown
  /** Sets units. Default: this organisation's wallet. */
  readonly admin?: unknown
  readonly transferabilityForUnitsOwner?: unknown
  readonly distributionFromAnyAddress?: unknown
}

export type CreatePoolResult =
  | { readonly success: true; readonly pool: string; readonly admin: string; readonly transactionHash: string }
  | StepFailure

export const createPoolCore = (input: CreatePoolInput, port: SuperfluidPort): Promise<CreatePoolResult> =>
  answering(async (): Promise<CreatePoolResult> => {
    const token = addressField(input.token, 'token')
    const admin = input.admin ? addressField(input.admin, 'admin') : await port.walletAddress()
    const config = {
      transferabilityForUnitsOwner: flagField(input.transferabilityForUnitsOwner, 'transferabilityForUnitsOwner'),
      distributionFromAnyAddress: flagField(input.distributionFromAnyAddress, 'distributionFromAnyAddress'),
    }
    const found = await findAgreement(token, port)
    if (!found.success) return found
    const { gda } = found
    const written = await port.write(gda, 'createPool', [token, admin, config])
    if (!written.success) return written
    const { transactionHash } = written
    if (!transactionHash) return failed('The transaction that created the pool has no hash to look it up by.')
    const receipt = await port.logsOf(transactionHash)
    if (!receipt.success) return receipt
    const created = receipt.logs.find(
      ({ address, topics }) =>
        isSame(address, gda) &&
        isSame(topics[0], poolCreatedTopic) &&
        isSame(lastAddress(topics[1]), token) &&
        isSame(lastAddress(topics[2]), admin),
    )
    if (!created) return failed(`The transaction ${transactionHash} created no pool of ${token}.`)
    return { success: true, pool: lastAddress(created.data), admin, transactionHash }
  })

/** The address in a 32-byte word. */
const lastAddress = (word: string | undefined): string => `0x${(word ?? '').slice(-40)}`
const isSame = (one: string | undefined, other: string): boolean => one?.toLowerCase() === other.toLowerCase()
