/** Which transaction used a nonce, by halving the blocks: needs a node that keeps old states. It knows no payments. */
import {
  type Address,
  BaseError,
  type Hex,
  HttpRequestError,
  LimitExceededRpcError,
  type PublicClient,
  TimeoutError,
} from 'viem'

type Client = Pick<PublicClient, 'getTransactionCount' | 'getBlock' | 'getBlockNumber'>

export interface NonceTaker {
  readonly hash: Hex
  readonly to: Address | null
  readonly value: bigint
}

/** Null where the node keeps no old states, or leads to a block without it. Errors: viem's own for all else. */
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
    if (saysStateIsMissing(thrown)) return null
    throw thrown
  }
}

/**
 * By the words of geth, Erigon, Nethermind, Besu, reth and of those who rent nodes out: there is no code of it. Any other error may be gone in a
 * minute, and must not pass for a node that has nothing to show; nor what a busy endpoint says of its plans, nor a node that lags behind.
 */
function saysStateIsMissing(thrown: unknown): boolean {
  const causes: Error[] = []
  for (let cause = thrown; cause instanceof Error && causes.length < 12; cause = cause.cause) causes.push(cause)
  if (causes.some(cause => passing.some(kind => cause instanceof kind))) return false
  // viem's own message holds the endpoint's address too, which may be called an archive.
  const words = causes.map(cause => (cause instanceof BaseError ? cause.details : cause.message))
  return words.some(text => missingState.test(text) && !/future/i.test(text))
}

const passing = [HttpRequestError, TimeoutError, LimitExceededRpcError]
const missingState =
  /missing trie node|prun(ed|ing)|\barchiv(e|al)\b|state\b.{0,90}\b(is not|not|un)\s?available|no state available/i
