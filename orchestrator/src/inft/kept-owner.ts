/** Who holds the pool's token, as the chain said seconds ago: for refusals and shares, which strangers can ask for as often as they like. */
import { poolInftAbi } from '@computepool/contracts/abi'
import type { Clock } from '@computepool/shared/ports'
import type { Address, PublicClient } from 'viem'
import type { InftPlace } from './inft-reader.ts'

export interface KeptOwnerOptions {
  readonly client: Pick<PublicClient, 'readContract'>
  readonly place: Pick<InftPlace, 'token'>
  readonly tokenId: bigint
  readonly clock: Clock
}

const keptMs = 5_000

/** One question for all who ask meanwhile; a chain that does not answer is not asked again either. Errors: the client's. */
export function createKeptOwner({ client, place, tokenId, clock }: KeptOwnerOptions): () => Promise<Address> {
  const call = { address: place.token, abi: poolInftAbi, functionName: 'ownerOf', args: [tokenId] } as const
  let asked: Promise<Address> | undefined
  let askedMs = 0
  return () => {
    const nowMs = clock.monotonicMs()
    if (asked === undefined || nowMs - askedMs >= keptMs) {
      askedMs = nowMs
      asked = client.readContract(call)
    }
    return asked
  }
}
