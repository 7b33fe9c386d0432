/** What a chain tells about a pool's token: its owner, where its intelligence lies, the keys to it. It opens nothing. */
import { poolInftAbi } from '@computepool/contracts/abi'
import { ComputePoolError } from '@computepool/shared/errors'
import { describedSize } from '@computepool/shared/inft'
import type { StoredBlob } from '@computepool/shared/ports'
import type { Address, Hex, PublicClient } from 'viem'

/** The token contract, and the verifier that it asks. */
export interface InftPlace {
  readonly chainId: number
  readonly token: Address
  readonly verifier: Address
}

export interface InftEntry {
  readonly description: string
  /** Its container in storage. */
  readonly blob: StoredBlob
  /** The container's key, sealed to the owner. */
  readonly sealedKey: Hex
}

export interface InftFacts {
  readonly tokenId: bigint
  readonly owner: Address
  readonly version: bigint
  readonly entries: readonly InftEntry[]
  /** That all of this is of. */
  readonly blockNumber: bigint
}

/** All of one block, by default the last. @throws input_not_found where there is no such token; artifact_invalid where an entry is no pool's intelligence. */
export async function readInft(
  client: PublicClient,
  { token }: InftPlace,
  tokenId: bigint,
  block?: bigint,
): Promise<InftFacts> {
  const blockNumber = block ?? (await client.getBlockNumber({ cacheTime: 0 }))
  const at = { address: token, abi: poolInftAbi, args: [tokenId], blockNumber } as const
  const owner = await client.readContract({ ...at, functionName: 'ownerOf' }).catch(thrown => {
    if (!/ERC721NonexistentToken/.test(String(thrown))) throw thrown
    throw new ComputePoolError('input_not_found', `There is no token ${tokenId}.`, { remedy: 'Mint the pool first.' })
  })
  const [data, keys, version] = await Promise.all([
    client.readContract({ ...at, functionName: 'intelligentDataOf' }),
    client.readContract({ ...at, functionName: 'sealedKeysOf' }),
    client.readContract({ ...at, functionName: 'versionOf' }),
  ])
  const entries = data.map(({ dataDescription, dataHash }, index): InftEntry => {
    const sizeBytes = describedSize(dataDescription)
    if (sizeBytes === null) {
      throw new ComputePoolError('artifact_invalid', `Entry ${index} of token ${tokenId} is no pool’s intelligence.`, {
        remedy: 'The token was minted by something else; its owner can write a new version.',
      })
    }
    return { description: dataDescription, blob: { root: dataHash, sizeBytes }, sealedKey: keys[index]! }
  })
  return { tokenId, owner, version, entries, blockNumber }
}
