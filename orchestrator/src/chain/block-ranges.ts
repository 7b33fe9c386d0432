/** Cuts a search of a chain's logs into pieces that public nodes answer. Pure; it asks nothing. */

/** Nodes refuse to search more blocks at once. */
const blocksAtOnce = 5000n

export interface BlockRange {
  readonly fromBlock: bigint
  readonly toBlock: bigint
}

/** Ranges that cover every block from the first to the last once, in the chain's order. */
export function* oldestFirst({ fromBlock, toBlock }: BlockRange): Generator<BlockRange> {
  for (let from = fromBlock; from <= toBlock; from += blocksAtOnce) {
    const last = from + blocksAtOnce - 1n
    yield { fromBlock: from, toBlock: last < toBlock ? last : toBlock }
  }
}

/** The same from the end: what is asked about is rarely old, so whoever stops at a find asks little. */
export function* newestFirst({ fromBlock, toBlock }: BlockRange): Generator<BlockRange> {
  for (let last = toBlock; last >= fromBlock; last -= blocksAtOnce) {
    const from = last - blocksAtOnce + 1n
    yield { fromBlock: from > fromBlock ? from : fromBlock, toBlock: last }
  }
}
