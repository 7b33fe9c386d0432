/**
 * What a node or a contract refused, in our own words: a revert with the contract's own error and values, or a node that cannot be
 * reached. Raw causes may hold an address with a key in it, so they stay inside the process.
 */
import {
  coalitionAbi,
  inferenceServingAbi,
  poolInftAbi,
  streamVaultAbi,
  teeDataVerifierAbi,
  usdcAbi,
} from '@computepool/contracts/abi'
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import { type Abi, BaseError, decodeErrorResult, type Hex, isHex } from 'viem'

const knownAbi: Abi = [
  ...streamVaultAbi,
  ...usdcAbi,
  ...coalitionAbi,
  ...inferenceServingAbi,
  ...poolInftAbi,
  ...teeDataVerifierAbi,
]

const remedies: Readonly<Record<string, string>> = {
  ReserveTooSmall: 'Fund the coalition’s reserve (fundReserve): it locks the buffer of every stream.',
  NoUnits: 'Wait until operators hold layers: nobody would be paid.',
  NotKeeper: 'Let the owner allow the keeper’s key (setKeeper).',
  NotSettler: 'Let the owner allow the settler’s key (setSettler).',
  SessionUnknown: 'The chain does not know the session: it may have been rolled back.',
  MembersTooFew: 'A re-split needs at least half of the members to stay: propose a new coalition.',
  TermsVersionWrong: 'Other terms came first: offer the next version.',
  PartyGuilty: 'Offer terms without the party that was found guilty.',
  TooEarly: 'Wait until the second that the refusal names.',
  NotOwner: 'Do it with the key that owns the token.',
  GrantsFull: 'Revoke somebody first: a token takes a hundred at a time.',
  GrantUnknown: 'Nothing is left to revoke.',
  ProofExpired: 'Have the transfer prepared again.',
  DisputesOpen: 'Wait until the accusations are settled.',
  InsufficientStake: 'Send the contract’s least stake with the first registration.',
}

/** Errors come back typed; a ComputePoolError as it is, also where viem put its own around what a transport threw. `what` names the call. */
export function chainError(thrown: unknown, what: string): ComputePoolError {
  for (let cause = thrown, depth = 0; cause instanceof Error && depth < 12; cause = cause.cause, depth++) {
    if (cause instanceof ComputePoolError) return cause
  }
  const reason = revertReason(thrown)
  if (reason !== null) {
    return new ComputePoolError('chain_reverted', `${what} was refused: ${reason.text}.`, {
      remedy: remedies[reason.name] ?? 'Look up the refusal in contracts/src/interfaces.',
      context: { revert: reason.name },
      cause: thrown,
    })
  }
  const text = thrown instanceof BaseError ? thrown.shortMessage : asComputePoolError(thrown).message
  if (/insufficient funds/i.test(fullText(thrown))) {
    return new ComputePoolError('chain_underfunded', `${what}: the key has no coins left for gas.`, {
      remedy: 'Send it some of the chain’s own coin.',
      cause: thrown,
    })
  }
  return new ComputePoolError('chain_unreachable', `${what}: ${text.split('\n')[0]}`, {
    remedy: 'Check that the chain’s node runs and answers.',
    cause: thrown,
  })
}

/** The contract's error by name, with its values; null where nothing was reverted. */
export function revertReason(thrown: unknown): { name: string; text: string } | null {
  const data = revertData(thrown)
  if (data !== null && data !== '0x') {
    try {
      const { errorName, args = [] } = decodeErrorResult({ abi: knownAbi, data })
      return { name: errorName, text: `${errorName}(${args.map(String).join(', ')})` }
    } catch {
      return { name: data.slice(0, 10), text: `unknown error ${data.slice(0, 10)}` }
    }
  }
  const plain = /(?:execution reverted|reverted with[^:]*)(?::?\s*([^\n"]{1,200}))?/i.exec(fullText(thrown))
  if (plain === null) return null
  const text = plain[1]?.trim() || 'no reason given'
  return { name: text, text }
}

/** viem carries a revert's bytes in one of its nested causes, as `data` or as `raw`. */
function revertData(thrown: unknown): Hex | null {
  let found: Hex | null = null
  for (let cause = thrown, depth = 0; cause instanceof Error && depth < 12; cause = cause.cause, depth++) {
    const { data, raw } = cause as { data?: unknown; raw?: unknown }
    const inner = typeof data === 'object' && data !== null && 'data' in data ? data.data : data
    for (const candidate of [raw, inner]) if (isHex(candidate) && candidate.length >= 10) found = candidate
  }
  return found
}

function fullText(thrown: unknown): string {
  const parts: string[] = []
  for (let cause = thrown, depth = 0; cause instanceof Error && depth < 12; cause = cause.cause, depth++) {
    parts.push(cause.message)
  }
  return parts.join('\n')
}
