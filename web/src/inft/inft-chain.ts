/** The chain as the token's page needs it: a dry run before a wallet is asked, the wait for a block, published keys, the chain's time. */
import { ComputePoolError } from '@computepool/shared/errors'
import { createClient, http, keccak256 } from 'viem'
import { call, getBlock, readContract, waitForTransactionReceipt } from 'viem/actions'
import { told } from '../money/chain-error.ts'
import type { ContractCall } from '../wallet/payer-wallet.ts'
import { refusalInWords, tokenCallsAbi } from './inft-calls.ts'
import type { PoolToken } from './inft-store.ts'

type Hex = `0x${string}`

export interface InftChain {
  /** Rejects with what the contract would say to `from`. */
  check(from: Hex, call: ContractCall): Promise<void>
  /** Resolves once a block has it. Rejects with `chain_reverted` where the chain refused it. */
  confirm(hash: Hex): Promise<void>
  /** `0x` where it published none. */
  encryptionKeyOf(account: Hex): Promise<Hex>
  /** @throws chain_wrong unless the token's own verifier counts this oracle, and its key is that oracle's. */
  requireOracle(pool: Pick<PoolToken, 'verifier' | 'oracle'>): Promise<void>
  /** Unix seconds of the newest block. */
  nowSeconds(): Promise<bigint>
}

export function openInftChain({ rpcUrl, token }: { readonly rpcUrl: string; readonly token: Hex }): InftChain {
  const url = new URL(rpcUrl, globalThis.location?.href).href
  const client = createClient({ transport: http(url, { retryCount: 1 }), cacheTime: 0 })
  return {
    check: (from, { to, data }) =>
      told(async () => {
        try {
          await call(client, { account: from, to, data })
        } catch (thrown) {
          throw refusalInWords(thrown) ?? thrown
        }
      }),
    confirm: hash =>
      told(async () => {
        const receipt = await waitForTransactionReceipt(client, { hash, pollingInterval: 500, timeout: 120_000 })
        if (receipt.status === 'success') return
        throw new ComputePoolError('chain_reverted', `Transaction ${hash} was refused by the chain.`, {
          remedy: 'Nothing changed but its gas is gone. Refresh, see how the token stands, then try again.',
          context: { transaction: hash },
        })
      }),
    encryptionKeyOf: account =>
      told(() =>
        readContract(client, { address: token, abi: tokenCallsAbi, functionName: 'encryptionKeyOf', args: [account] }),
      ),
    requireOracle: ({ verifier, oracle }) =>
      told(async () => {
        const abi = tokenCallsAbi
        const found = await readContract(client, { address: token, abi, functionName: 'verifier' })
        const of = { address: found, abi, functionName: 'oracleOf', args: [oracle.address] } as const
        const { isRegistered } = await readContract(client, of)
        // An address is the end of the hash of its public key.
        const isItsKey = isSame(`0x${keccak256(oracle.encryptionKey).slice(-40)}`, oracle.address)
        if (isSame(found, verifier) && isRegistered && isItsKey) return
        throw new ComputePoolError(
          'chain_wrong',
          `The token’s contract does not count the pool’s oracle ${oracle.address}.`,
          {
            remedy: 'Nothing was sealed to it. Ask the pool’s operator.',
          },
        )
      }),
    nowSeconds: () => told(async () => (await getBlock(client, { blockTag: 'latest' })).timestamp),
  }
}

const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase()
