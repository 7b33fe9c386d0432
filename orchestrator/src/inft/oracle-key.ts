/**
 * The key of the transfer oracle that runs in this process, made from a secret of the data folder: the same after every start. Without a
 * TEE nobody vouches for it, so what it claims as its measurement is a name, and the registry calls it simulated.
 */
import type { InftChoice } from '@computepool/contracts/deploy'
import { type Address, concat, type Hex, isAddressEqual, keccak256, stringToHex } from 'viem'
import { privateKeyToAddress } from 'viem/accounts'

/** One way only: it tells nothing of the secret. `secret`: 32 bytes in hex, without 0x. */
export const oracleKeyOf = (secret: string): Hex =>
  keccak256(concat([keccak256(stringToHex('computepool/transfer-oracle')), `0x${secret}`]))

/** What a simulated oracle says of itself. Fixed: a registry takes no other for the same key. */
export const simulatedMeasurement: Hex = keccak256(stringToHex('computepool simulated transfer oracle'))

/**
 * Whether to tell people that an oracle's re-encryption was simulated. A registry holds what its owner says: of the oracle that runs here we
 * know better, since its key lies in a file.
 */
export const isOracleSimulated = (
  registered: { readonly address: Address; readonly isSimulated: boolean },
  ownOracle: Address,
): boolean => registered.isSimulated || isAddressEqual(registered.address, ownOracle)

/** For a chain of one's own. */
export const simulatedOracle = (privateKey: Hex): InftChoice => ({
  takesSimulated: true,
  oracles: [
    {
      address: privateKeyToAddress(privateKey),
      measurement: simulatedMeasurement,
      attestationUri: '',
      isSimulated: true,
    },
  ],
})
