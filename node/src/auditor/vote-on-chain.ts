/** Where an auditor's vote stands on the chain: asked of the contract itself, which knows whether it would take it. It sends nothing. */
import { coalitionAbi } from '@computepool/contracts/abi'
import type { CoalitionPlace, VoteWord } from '@computepool/shared/coalition'
import {
  BaseError,
  ContractFunctionRevertedError,
  formatEther,
  type Hex,
  isAddressEqual,
  type PublicClient,
  parseEventLogs,
} from 'viem'

/** `open`: it would be taken. `costly`: only for more gas than any vote takes. `refused`: it never will be. */
export type VoteStanding = 'open' | 'early' | 'cast' | 'decided' | 'costly' | 'refused'

/** A vote takes 92,000, one that decides 121,000 and more with many auditors. Whoever names a registry that burns more wants somebody's coins. */
const mostGas = 1_000_000n

const standings: Readonly<Record<string, VoteStanding>> = {
  AlreadyVoted: 'cast',
  DisputeDecided: 'decided',
  TooEarly: 'early',
}

/** Errors: the client's, where the chain is out of reach. */
export async function standingOf(client: PublicClient, place: CoalitionPlace, word: VoteWord): Promise<VoteStanding> {
  const { dispute, isGuilty, auditor, signature } = word
  try {
    const gas = await client.estimateContractGas({
      ...{ address: place.coalition, abi: coalitionAbi, functionName: 'vote' },
      args: [dispute, isGuilty, auditor, signature],
      account: auditor,
    })
    return gas > mostGas ? 'costly' : 'open'
  } catch (thrown) {
    const reverted =
      thrown instanceof BaseError ? thrown.walk(error => error instanceof ContractFunctionRevertedError) : null
    if (!(reverted instanceof ContractFunctionRevertedError)) throw thrown
    return standings[reverted.data?.errorName ?? ''] ?? 'refused'
  }
}

/** The transaction among these that cast this vote, and what it cost in the chain's coin; null where none did. */
export async function castTransaction(
  client: PublicClient,
  { coalition }: CoalitionPlace,
  { dispute, auditor }: VoteWord,
  hashes: readonly string[],
): Promise<{ readonly hash: string; readonly gas: string } | null> {
  for (const hash of hashes) {
    const receipt = await client.getTransactionReceipt({ hash: hash as Hex }).catch(() => null)
    const logs = receipt?.logs.filter(({ address }) => isAddressEqual(address, coalition)) ?? []
    const isIt = parseEventLogs({ abi: coalitionAbi, eventName: 'Voted', logs }).some(
      ({ args }) => args.dispute === dispute && isAddressEqual(args.auditor, auditor),
    )
    if (receipt !== null && isIt) return { hash, gas: formatEther(receipt.gasUsed * receipt.effectiveGasPrice) }
  }
  return null
}
