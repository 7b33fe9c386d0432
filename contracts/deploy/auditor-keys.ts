/**
 * The auditors of a chain that nobody else uses: keys made from the owner's, so that they need no file of their own and are the same
 * after every start. Who holds the owner's key holds theirs: three auditors of one hand, good for one's own machine and nowhere else.
 */
import { concat, type Hex, keccak256, numberToHex, stringToHex } from 'viem'

/** How many auditors the embedded chain has, and how many of them must agree. */
export const ownAuditors = { count: 3, quorum: 2 } as const

/** One way only: an auditor's key tells nothing of the owner's. */
export function auditorKeysOf(ownerKey: Hex, count: number = ownAuditors.count): Hex[] {
  const label = keccak256(stringToHex('computepool/auditor'))
  return Array.from({ length: count }, (_, at) => keccak256(concat([label, numberToHex(at, { size: 32 }), ownerKey])))
}
