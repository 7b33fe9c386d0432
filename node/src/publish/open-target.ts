/** Where a command stores: the stand-in of the embedded chain, whether a pool runs it or not, or 0G through an indexer, with a key from the environment. */
import { type JoinedChain, joinEmbeddedChain, knownChain, startEmbeddedChain } from '@computepool/contracts/chain'
import { readChainManifest } from '@computepool/contracts/deploy'
import {
  type OpenStorage,
  openStorage,
  openStorageNetwork,
  storageLimitsOf,
} from '@computepool/orchestrator/storage0g/index.ts'
import { ComputePoolError } from '@computepool/shared/errors'
import type { BlobStore } from '@computepool/shared/ports'
import { concat, type Hex, keccak256, parseEther, stringToHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

export interface TargetOptions {
  /** "embedded", "0g-galileo", "0g-mainnet" or an RPC's URL. */
  readonly chain: string
  readonly rpcUrl?: string | undefined
  /** Of the indexer; default: 0G's own for its chains, the stand-in on the embedded chain. */
  readonly storageUrl?: string | undefined
  readonly dataDir: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly onNotice: (text: string) => void
}

export interface StorageTarget {
  readonly store: BlobStore
  readonly chainId: number
  readonly chainName: string
  readonly isStandIn: boolean
  readonly gateway: string
  readonly payer: Hex
  readonly network: ReturnType<typeof openStorageNetwork>
  close(): Promise<void>
}

/** As 0G's documentation names them; they could not be asked from where this was written. */
const indexers: Readonly<Record<number, string>> = {
  16602: 'https://indexer-storage-testnet-turbo.0g.ai',
  16661: 'https://indexer-storage-turbo.0g.ai',
}

/** Not the pool's: it may store something at the same time. */
const publishKeyOf = (ownerKey: Hex): Hex =>
  keccak256(concat([keccak256(stringToHex('computepool/publish')), ownerKey]))

/** Errors: `input_invalid`, `chain_*`. */
export function openTarget(options: TargetOptions): Promise<StorageTarget> {
  return options.chain === 'embedded' ? openEmbedded(options) : openRemote(options)
}

async function openEmbedded({ dataDir, storageUrl, onNotice }: TargetOptions): Promise<StorageTarget> {
  const joined = await joinEmbeddedChain(dataDir)
  const started = joined === null ? await startEmbeddedChain({ dataDir, onNotice }) : null
  const { chain, url, keys, fund } = (joined ?? started) as JoinedChain
  try {
    const privateKey = publishKeyOf(keys.owner)
    await fund(privateKeyToAccount(privateKey).address, parseEther('1000'))
    const manifest = await readChainManifest(dataDir, chain.id)
    const storage = await openStorage({
      ...{ dataDir, chain: { rpcUrl: url, flow: manifest?.storageFlow }, indexerUrl: storageUrl ?? null },
      ...{ privateKey, onNotice, onFault: () => {} },
    })
    return targetOf(storage, { chain, rpcUrl: url, privateKey, leave: async () => started?.close() })
  } catch (thrown) {
    await started?.close()
    throw thrown
  }
}

async function openRemote(options: TargetOptions): Promise<StorageTarget> {
  const { chain, url } = await knownChain(options.chain, options.rpcUrl)
  const indexerUrl = options.storageUrl ?? indexers[chain.id]
  if (indexerUrl === undefined) {
    throw new ComputePoolError('input_invalid', `No indexer of 0G Storage is known for ${chain.name}.`, {
      remedy: 'Name one with --storage URL.',
    })
  }
  const privateKey = options.environment.COMPUTEPOOL_STORAGE_KEY ?? ''
  // The key itself is never repeated: messages end up in logs.
  if (!/^0x[0-9a-f]{64}$/i.test(privateKey)) {
    throw new ComputePoolError('input_invalid', 'COMPUTEPOOL_STORAGE_KEY is not set, or is not a private key.', {
      remedy:
        'Set it to 0x and 64 hexadecimal digits: a key of its own, with little on it, from which nothing else sends.',
    })
  }
  const { dataDir, onNotice } = options
  const storage = await openStorage({
    ...{ dataDir, chain: { rpcUrl: url }, indexerUrl, privateKey: privateKey as Hex, onNotice, onFault: () => {} },
    limits: storageLimitsOf(options.environment),
  })
  return targetOf(storage, { chain, rpcUrl: url, privateKey: privateKey as Hex, leave: async () => {} })
}

function targetOf(
  storage: OpenStorage,
  opened: { chain: { id: number; name: string }; rpcUrl: string; privateKey: Hex; leave: () => Promise<void> },
): StorageTarget {
  const gateway = storage.gateway!
  return {
    store: storage.store,
    chainId: opened.chain.id,
    chainName: opened.chain.name,
    isStandIn: storage.kind === 'stand-in',
    gateway,
    payer: privateKeyToAccount(opened.privateKey).address,
    network: openStorageNetwork({ indexerUrl: gateway, rpcUrl: opened.rpcUrl, flow: storage.flow }),
    async close() {
      await storage.close()
      await opened.leave()
    },
  }
}
