/**
 * The auditors of a chain that nobody else uses: keys made from the owner's, so that they need no file of their own and are the same
 * after every start. Who holds the owner's key holds theirs: three auditors of one hand, good for one's own machine and nowhere else.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { concat, type Hex, keccak256, numberToHex, stringToHex } from 'viem'

/** How many auditors the embedded chain has, and how many of them must agree. */
export const ownAuditors = { count: 3, quorum: 2 } as const

/** One way only: an auditor's key tells nothing of the owner's. */
export function auditorKeysOf(ownerKey: Hex, count: number = ownAuditors.count): Hex[] {
  const label = keccak256(stringToHex('computepool/auditor'))
  return Array.from({ length: count }, (_, at) => keccak256(concat([label, numberToHex(at, { size: 32 }), ownerKey])))
}

/** How a child process is given auditors' keys: by its environment, never on a command line, where every user of the machine reads it. */
export const auditorKeysVariable = 'COMPUTEPOOL_AUDITOR_KEYS'

/** For the environment of whoever is to vote with them. */
export const auditorEnvironment = (keys: readonly Hex[]): Readonly<Record<string, string>> =>
  keys.length === 0 ? {} : { [auditorKeysVariable]: keys.join(',') }

/** None where the variable is not set. Errors: `input_invalid`; the value is not repeated. */
export function auditorKeysFrom(environment: Readonly<Record<string, string | undefined>>): Hex[] {
  const text = environment[auditorKeysVariable]
  if (!text) return []
  const keys = text.split(',').map(key => key.trim())
  if (keys.length <= mostAuditorKeys && keys.every(key => /^0x[0-9a-f]{64}$/i.test(key))) return keys as Hex[]
  throw new ComputePoolError('input_invalid', `${auditorKeysVariable} holds something else than private keys.`, {
    remedy: `Give at most ${mostAuditorKeys} keys of 0x and 64 hex digits, with commas between them.`,
    context: { param: auditorKeysVariable },
  })
}

/** As many as a registry takes. */
const mostAuditorKeys = 32
