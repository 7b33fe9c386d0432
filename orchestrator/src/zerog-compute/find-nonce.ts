/** Which transaction used a nonce, by halving the blocks: needs a node that keeps old states. It knows no payments. */
import { type Address, type Hex, HttpRequestError, type PublicClient, TimeoutError } from 'viem'

type Client = Pick<PublicClient, 'getTransactionCount' | 'getBlock' | 'getBlockNumber'>

export interface NonceTaker {
  readonly hash: Hex
  readonly to: Address | null
  readonly value: bigint
}

/** Null where the node does not show it. Errors: viem's own where no node answers. */
export async function findNonce(client: Client, address: Address, nonce: number): Promise<NonceTaker | null> {
  try {
    let [before, at] = [-1n, await client.getBlockNumber()]
    while (at - before > 1n) {
      const middle = (before + at) / 2n
      const used = await client.getTransactionCount({ address, blockNumber: middle })
      if (used > nonce) at = middle
      else before = middle
    }
    const { transactions } = await client.getBlock({ blockNumber: at, includeTransactions: true })
    // A node that tells the latest count for every block leads to a block without it: then nothing was shown.
    return (
      transactions.find(({ from, nonce: its }) => from.toLowerCase() === address.toLowerCase() && its === nonce) ?? null
    )
  } catch (thrown) {
    const isSilent = (error: unknown): boolean => error instanceof HttpRequestError || error instanceof TimeoutError
    for (let cause = thrown; cause instanceof Error; cause = cause.cause) if (isSilent(cause)) throw thrown
    return null
  }
}
