/** The chain as the token's page needs it: a dry run before a wallet is asked, the wait for a block, published keys, the chain's time. */
import { ComputePoolError } from '@computepool/shared/errors'
import { createClient, http } from 'viem'
import { call, getBlock, readContract, waitForTransactionReceipt } from 'viem/actions'
import { told } from '../money/chain-error.ts'
import type { ContractCall } from '../wallet/payer-wallet.ts'
import { refusalInWords, tokenCallsAbi } from './inft-calls.ts'

type Hex = `0x${string}`

export interface InftChain {
  /** Rejects with what the contract would say to `from`. */
  check(from: Hex, call: ContractCall): Promise<void>
  /** Resolves once a block has it. Rejects with `chain_reverted` where the chain refused it. */
  confirm(hash: Hex): Promise<void>
  /** `0x` where it published none. */
  encryptionKeyOf(account: Hex): Promise<Hex>
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
    nowSeconds: () => told(async () => (await getBlock(client, { blockTag: 'latest' })).timestamp),
  }
}
