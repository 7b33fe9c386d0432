/**
 * Did a spent authorization bring its money to the vault? The token tells only that the nonce is used: it may have been cancelled,
 * or signed a second time for another payee. Whoever adopts such a voucher would be given somebody else's stray USDC.
 */
import { usdcAbi } from '@computepool/contracts/abi'
import { type Hex, isAddressEqual, type PublicClient, parseEventLogs } from 'viem'
import { newestFirst } from '../chain/block-ranges.ts'
import type { Voucher } from './voucher.ts'

export interface FindTransferInput {
  readonly client: PublicClient
  readonly usdc: Hex
  readonly vault: Hex
  readonly voucher: Pick<Voucher, 'payer' | 'nonce' | 'valueAtomic'>
  readonly fromBlock: bigint
}

/**
 * The transaction in which this authorization moved exactly its value to the vault; null where none did. The token logs the
 * transfer right after the use of the nonce (FiatTokenV2_2), which ties the two together even where one transaction uses several.
 */
export async function findTransfer({
  client,
  usdc,
  vault,
  voucher,
  fromBlock,
}: FindTransferInput): Promise<Hex | null> {
  const { payer, nonce, valueAtomic } = voucher
  const toBlock = await client.getBlockNumber({ cacheTime: 0 })
  for (const range of newestFirst({ fromBlock, toBlock })) {
    const args = { authorizer: payer, nonce }
    const event = { address: usdc, abi: usdcAbi, eventName: 'AuthorizationUsed', args } as const
    for (const use of await client.getContractEvents({ ...event, ...range })) {
      const { logs } = await client.getTransactionReceipt({ hash: use.transactionHash })
      const next = logs.filter(log => log.logIndex === use.logIndex + 1 && isAddressEqual(log.address, usdc))
      const [transfer] = parseEventLogs({ abi: usdcAbi, eventName: 'Transfer', logs: next })
      if (transfer === undefined) continue
      const { from, to, value } = transfer.args
      if (isAddressEqual(from, payer) && isAddressEqual(to, vault) && value === valueAtomic) return use.transactionHash
    }
  }
  return null
}
