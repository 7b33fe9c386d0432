/** What 0G Storage asks and has, read only: its price, and whether it knows a file. It speaks to an indexer, one node and the chain. */
import { storageFlowAbi } from '@computepool/contracts/abi'
import { ComputePoolError } from '@computepool/shared/errors'
import { chunkBytes, paddedChunks } from '@computepool/shared/storage0g'
import { type Address, createPublicClient, type Hex, http, isAddress, isAddressEqual } from 'viem'
import { z } from 'zod'

export interface StorageCost {
  /** What the market asks for the bytes. */
  readonly storageWei: bigint
  /** About, at `gasPerFile` and today's price of gas. */
  readonly gasWei: bigint
}

export interface StorageNetwork {
  /** For files of these sizes. Errors: `chain_unreachable`, `artifact_fetch_failed`. */
  costOf(sizes: readonly number[]): Promise<StorageCost>
  /** Whether some node has it. Errors: `artifact_fetch_failed`. */
  has(root: Hex): Promise<boolean>
}

/** More than a submission burned on the stand-in; 0G's contract keeps a tree besides. */
export const gasPerFile = 400_000n

const shardedNodes = z.object({
  trusted: z.array(z.object({ url: z.string() })).nullish(),
  discovered: z.array(z.object({ url: z.string() })).nullish(),
})
const status = z.object({ networkIdentity: z.object({ flowAddress: z.string().refine(value => isAddress(value)) }) })
const patienceMs = 20_000

export interface StorageNetworkOptions {
  readonly indexerUrl: string
  readonly rpcUrl: string
  /** Whose price is told; null: of whichever contract a node names. */
  readonly flow: Address | null
}

export function openStorageNetwork({ indexerUrl, rpcUrl, flow }: StorageNetworkOptions): StorageNetwork {
  const client = createPublicClient({ transport: http(rpcUrl, { timeout: patienceMs }) })
  return {
    async costOf(sizes) {
      const nodes = shardedNodes.safeParse(await call(indexerUrl, 'indexer_getShardedNodes', []))
      const node = [...(nodes.data?.trusted ?? []), ...(nodes.data?.discovered ?? [])][0]
      if (node === undefined) throw silent(indexerUrl, 'names no node')
      const told = status.safeParse(await call(node.url, 'zgs_getStatus', []))
      if (!told.success) throw silent(node.url, 'tells no flow contract')
      const address = told.data.networkIdentity.flowAddress as Address
      if (flow !== null && !isAddressEqual(address, flow)) {
        throw silent(node.url, `follows the contract ${address}, and not ${flow}, where storage is paid`)
      }
      try {
        const market = await client.readContract({ address, abi: storageFlowAbi, functionName: 'market' })
        const asked = { address: market, abi: storageFlowAbi, functionName: 'pricePerSector' } as const
        const [price, gasPrice] = await Promise.all([client.readContract(asked), client.getGasPrice()])
        const sectors = sizes.reduce((sum, size) => sum + paddedChunks(Math.ceil(size / chunkBytes)), 0)
        return { storageWei: BigInt(sectors) * price, gasWei: BigInt(sizes.length) * gasPerFile * gasPrice }
      } catch (cause) {
        throw new ComputePoolError('chain_unreachable', 'The price of storage could not be read from the chain.', {
          remedy: 'Check the RPC’s address, and that the indexer is of the same chain.',
          cause,
        })
      }
    },
    has: async root => {
      const found = z
        .array(z.unknown())
        .nullish()
        .safeParse(await call(indexerUrl, 'indexer_getFileLocations', [root]))
      return (found.data?.length ?? 0) > 0
    },
  }
}

async function call(url: string, method: string, params: readonly unknown[]): Promise<unknown> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      signal: AbortSignal.timeout(patienceMs),
    })
    return ((await response.json()) as { result?: unknown }).result
  } catch {
    throw silent(url, 'does not answer')
  }
}

const silent = (url: string, what: string): ComputePoolError =>
  new ComputePoolError('artifact_fetch_failed', `${new URL(url).host} ${what}.`, {
    remedy: 'Check the indexer’s address; it must speak 0G Storage’s JSON-RPC.',
  })
