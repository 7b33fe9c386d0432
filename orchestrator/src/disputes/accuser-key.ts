/**
 * The pool's accuser on a chain that nobody else uses: a key made from the owner's, so that it needs no file of its own and is the same
 * after every start. Elsewhere the accuser is whoever the settings name.
 */
import { concat, type Hex, keccak256, stringToHex } from 'viem'

/** One way only: it tells nothing of the owner's. */
export const accuserKeyOf = (ownerKey: Hex): Hex =>
  keccak256(concat([keccak256(stringToHex('computepool/accuser')), ownerKey]))
