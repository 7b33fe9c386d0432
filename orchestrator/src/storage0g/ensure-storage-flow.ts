/** The stand-in's contract on a chain of one's own: found by its code, else deployed. What is submitted there it does not know. */
import { artifactOf } from '@computepool/contracts/build'
import { ComputePoolError } from '@computepool/shared/errors'
import { type Address, createPublicClient, createWalletClient, defineChain, getAddress, type Hex, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

export interface EnsureStorageFlowOptions {
  readonly rpcUrl: string
  readonly chainId: number
  /** Deploys where nothing is found. */
  readonly privateKey: Hex
  /** From an earlier time; the first that has code is taken. */
  readonly candidates: readonly (Address | undefined)[]
}

/** Errors: `chain_underfunded`, `chain_reverted`. */
export async function ensureStorageFlow({ rpcUrl, chainId, privateKey, candidates }: EnsureStorageFlowOptions) {
  const chain = defineChain({
    id: chainId,
    name: `chain ${chainId}`,
    nativeCurrency: { name: 'Coin', symbol: 'COIN', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  })
  const client = createPublicClient({ chain, transport: http(rpcUrl), pollingInterval: 100, cacheTime: 0 })
  for (const address of candidates) {
    if (address !== undefined && ((await client.getCode({ address })) ?? '0x') !== '0x') return address
  }
  const account = privateKeyToAccount(privateKey)
  if ((await client.getBalance({ address: account.address })) === 0n) {
    throw new ComputePoolError('chain_underfunded', `The storage key’s address ${account.address} holds nothing.`, {
      remedy: 'Send native coins there, then try again.',
    })
  }
  const { abi, bytecode } = await artifactOf('StorageFlow', ['src/chain'])
  const wallet = createWalletClient({ chain, account, transport: http(rpcUrl) })
  const hash = await wallet.deployContract({ abi, bytecode })
  const { contractAddress, status } = await client.waitForTransactionReceipt({ hash, timeout: 60_000 })
  if (status === 'success' && contractAddress) return getAddress(contractAddress)
  throw new ComputePoolError('chain_reverted', `The stand-in’s contract was not deployed (${hash}).`)
}
