/** What parties, the accused and auditors sign: EIP-712 data of the Coalition contract. It signs nothing. */
import type { TypedData } from './coalition-port.ts'

const types = {
  Terms: [
    { name: 'modelDigest', type: 'bytes32' },
    { name: 'layers', type: 'uint16' },
    { name: 'pool', type: 'address' },
    { name: 'vault', type: 'address' },
    { name: 'pricePerSecondAtomic', type: 'uint96' },
    { name: 'stakeAtomic', type: 'uint96' },
    { name: 'proposalEndsAt', type: 'uint64' },
    { name: 'endsAt', type: 'uint64' },
    { name: 'version', type: 'uint32' },
    { name: 'id', type: 'uint256' },
    { name: 'salt', type: 'bytes32' },
    { name: 'parties', type: 'Party[]' },
  ],
  Party: [
    { name: 'operator', type: 'address' },
    { name: 'firstLayer', type: 'uint16' },
    { name: 'endLayer', type: 'uint16' },
    { name: 'units', type: 'uint32' },
  ],
  Leave: [
    { name: 'id', type: 'uint256' },
    { name: 'operator', type: 'address' },
    { name: 'version', type: 'uint32' },
  ],
  Respond: [
    { name: 'dispute', type: 'uint256' },
    { name: 'responseHash', type: 'bytes32' },
  ],
  Vote: [
    { name: 'dispute', type: 'uint256' },
    { name: 'isGuilty', type: 'bool' },
    { name: 'evidenceHash', type: 'bytes32' },
  ],
} as const

export type PrimaryType = Exclude<keyof typeof types, 'Party'>

export function typedData(
  place: { readonly chainId: number; readonly coalition: string },
  primaryType: PrimaryType,
  message: Readonly<Record<string, unknown>>,
): TypedData {
  const { chainId, coalition: verifyingContract } = place
  return {
    domain: { name: 'ComputePool Coalition', version: '1', chainId, verifyingContract },
    types: primaryType === 'Terms' ? { Terms: types.Terms, Party: types.Party } : { [primaryType]: types[primaryType] },
    primaryType,
    message,
  }
}
