/**
 * Tokens' pasts over restarts: each with the block that it was read to, some blocks behind the head, so that a chain that takes its last blocks back
 * changes nothing of it. Kept with that block's hash, it is worth nothing on another chain. What came later is read from there on.
 */
import type { InftToken } from '@computepool/shared/inft'
import type { Address, Hex, PublicClient } from 'viem'
import { z } from 'zod'
import type { InftPlace } from './inft-reader.ts'
import type { KeptFile } from './kept-file.ts'
import { mostShown, readHistory } from './read-history.ts'

const hex = (bytes: number) =>
  z.string().regex(new RegExp(`^0x[0-9a-fA-F]{${bytes * 2}}$`)) as unknown as z.ZodType<Hex>
const rowSchema = z.strictObject({
  ...{ version: z.int().positive(), roots: z.array(hex(32)).max(64), transaction: hex(32) },
  ...{
    blockNumber: z.int().nonnegative(),
    atSeconds: z.int().nonnegative(),
    by: z.enum(['mint', 'update', 'transfer']),
  },
  oracle: z.strictObject({ address: hex(20), isSimulated: z.boolean() }).nullable(),
})
/** The longest unasked first. */
export const keptHistoriesSchema = z.array(
  z.strictObject({
    ...{ chainId: z.int(), token: z.string(), tokenId: z.string().regex(/^\d{1,78}$/) },
    ...{ readTo: z.int().nonnegative(), blockHash: hex(32), rows: z.array(rowSchema).max(mostShown) },
  }),
)
export type KeptHistories = z.output<typeof keptHistoriesSchema>
type History = InftToken['history']

/** Blocks on top of what is kept. */
const depth = 12n
/** Anybody can mint tokens, and ask about them. */
const mostKept = 100
const mostInMemory = 1000

export interface HistoriesOptions {
  readonly client: PublicClient
  readonly place: InftPlace
  /** Before it there is no token. */
  readonly fromBlock: bigint
  readonly ownOracle: Address
  readonly kept: KeptFile<KeptHistories>
  /** What was read could not be written: it is read again after the next start. */
  readonly onFault: (fault: unknown) => void
}

/** The versions of a token that has that version at that block, the oldest first. Errors: the client's. */
export type HistoryOf = (tokenId: bigint, at: { version: bigint; blockNumber: bigint }) => Promise<History>

interface Past {
  readonly readTo: bigint
  readonly rows: History
}

export function createHistories(options: HistoriesOptions): HistoryOf {
  const { client, place, fromBlock, ownOracle, kept, onFault } = options
  const token = place.token.toLowerCase()
  const pasts = new Map<bigint, Past>()
  /** What lies in the file of each token is read to there. */
  const written = new Map<bigint, bigint>()

  const remember = (tokenId: bigint, past: Past): void => {
    pasts.delete(tokenId)
    if (pasts.size >= mostInMemory) pasts.delete(pasts.keys().next().value!)
    pasts.set(tokenId, past)
  }

  /** Of an earlier start, where the chain still has the block that it was read to. */
  const restored = async (tokenId: bigint, head: bigint): Promise<Past | null> => {
    const found = kept.value.find(
      row => row.chainId === place.chainId && row.token === token && row.tokenId === String(tokenId),
    )
    if (found === undefined || BigInt(found.readTo) > head) return null
    const block = await client.getBlock({ blockNumber: BigInt(found.readTo) }).catch(() => null)
    if (block?.hash !== found.blockHash) return null
    written.set(tokenId, BigInt(found.readTo))
    return { readTo: BigInt(found.readTo), rows: found.rows }
  }

  const write = async (tokenId: bigint, { readTo, rows }: Past): Promise<void> => {
    const { hash: blockHash } = await client.getBlock({ blockNumber: readTo })
    const of = { chainId: place.chainId, token, tokenId: String(tokenId) }
    const others = kept.value.filter(
      row => row.chainId !== of.chainId || row.token !== of.token || row.tokenId !== of.tokenId,
    )
    written.set(tokenId, readTo)
    const row = {
      ...of,
      readTo: Number(readTo),
      blockHash,
      rows: rows.map(each => ({ ...each, roots: [...each.roots] })),
    }
    await kept.set([...others.slice(-(mostKept - 1)), row])
  }

  return async (tokenId, { version, blockNumber }) => {
    const isOf = ({ rows }: Past): boolean => BigInt(rows.at(-1)?.version ?? 0) === version
    const isDeep = ({ rows, readTo }: Past): boolean => BigInt(rows.at(-1)?.blockNumber ?? 0) + depth <= readTo
    let past = pasts.get(tokenId) ?? (await restored(tokenId, blockNumber))
    if (past === null || !isOf(past) || (!isDeep(past) && blockNumber > past.readTo)) {
      // Read anew from where no block is taken back any more.
      const sure = (past?.rows ?? []).filter(row => past !== null && BigInt(row.blockNumber) + depth <= past.readTo)
      const since = past === null ? fromBlock : larger(past.readTo - depth + 1n, fromBlock)
      const versionsBefore = sure.at(-1)?.version ?? 0
      const more = await readHistory(client, place, {
        ...{ fromBlock: since, toBlock: blockNumber, tokenId, ownOracle, versionsBefore },
      })
      past = { readTo: blockNumber, rows: [...sure, ...more].slice(-mostShown) }
      // Where the node that was asked has not all logs yet.
      if (!isOf(past)) return past.rows
    } else if (blockNumber > past.readTo) past = { readTo: blockNumber, rows: past.rows }
    remember(tokenId, past)
    // Once for each version, when it lies deep enough.
    if (isDeep(past) && (written.get(tokenId) ?? -1n) < BigInt(past.rows.at(-1)?.blockNumber ?? 0)) {
      await write(tokenId, { readTo: past.readTo - depth, rows: past.rows }).catch(onFault)
    }
    return past.rows
  }
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b)
