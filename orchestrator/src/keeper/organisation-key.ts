/** The API keys of organisations that a keeper of ours serves: made from a secret of the data folder, so that they are the same after every start. */
import { concat, type Hex, keccak256, stringToHex } from 'viem'

const label = keccak256(stringToHex('computepool/keeper-organisation'))

/** One way only: it tells nothing of the secret, or of another's. `secret`: 32 bytes in hex, without 0x. */
export const organisationKeyOf = (secret: string, organisation: string): string =>
  `kh_${keccak256(concat([label, `0x${secret}`, stringToHex(organisation) as Hex])).slice(2)}`
