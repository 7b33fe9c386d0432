/**
 * The key of the transfer oracle that runs in this process, made from a secret of the data folder: the same after every start. Without a
 * TEE nobody vouches for it, so what it claims as its measurement is a name, and the registry calls it simulated.
 */
import type { InftChoice } from '@computepool/contracts/deploy'
import { concat, type Hex, keccak256, stringToHex } from 'viem'
import { privateKeyToAddress } from 'viem/accounts'

/** One way only: it tells nothing of the secret. `secret`: 32 bytes in hex, without 0x. */
export const oracleKeyOf = (secret: string): Hex =>
  keccak256(concat([keccak256(stringToHex('computepool/transfer-oracle')), `0x${secret}`]))

/** What a simulated oracle says of itself. Fixed: a registry takes no other for the same key. */
export const simulatedMeasurement: Hex = keccak256(stringToHex('computepool simulated transfer oracle'))

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
