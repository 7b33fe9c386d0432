import { expect, it } from 'vitest'
import { newestFirst, oldestFirst } from './block-ranges.ts'

it.each([
  [7n, 7n, [[7n, 7n]]],
  [8n, 7n, []],
  [
    1n,
    10_001n,
    [
      [1n, 5000n],
      [5001n, 10_000n],
      [10_001n, 10_001n],
    ],
  ],
])('covers every block from %d to %d once', (fromBlock, toBlock, expected) => {
  const pairs = (ranges: Iterable<{ fromBlock: bigint; toBlock: bigint }>) =>
    [...ranges].map(range => [range.fromBlock, range.toBlock])
  expect(pairs(oldestFirst({ fromBlock, toBlock }))).toEqual(expected)
  // From the other end the odd piece is the first block's.
  const covered = pairs(newestFirst({ fromBlock, toBlock })).flatMap(([from, to]) =>
    Array.from({ length: Number(to! - from! + 1n) }, (_, at) => Number(to!) - at),
  )
  expect(covered).toEqual(Array.from({ length: Number(toBlock - fromBlock + 1n) }, (_, at) => Number(toBlock) - at))
})
