/** What the chain's logs tell of a token: how it was made, its versions, and who encrypted each anew. It keeps nothing. */
import { poolInftAbi, teeDataVerifierAbi } from '@computepool/contracts/abi'
import type { InftToken } from '@computepool/shared/inft'
import {
  type Address,
  formatLog,
  type Hex,
  isAddressEqual,
  type Log,
  type PublicClient,
  parseEventLogs,
  type RpcLog,
  TransactionReceiptNotFoundError,
  toEventSelector,
} from 'viem'
import { oldestFirst } from '../chain/block-ranges.ts'
import type { InftPlace } from './inft-reader.ts'
import { isOracleSimulated } from './oracle-key.ts'

/** Versions that a history holds, the last. */
export const mostShown = 100
const mintedEvent = selectorOf('Minted')
const updatedEvent = selectorOf('Updated')

/** The token that one of these transactions minted; null where none of them is mined, or it reverted. Errors: the client's. */
export async function mintedBy(
  client: PublicClient,
  { token }: Pick<InftPlace, 'token'>,
  transactions: readonly Hex[],
): Promise<bigint | null> {
  for (const hash of transactions) {
    const receipt = await client.getTransactionReceipt({ hash }).catch((thrown: unknown) => {
      if (thrown instanceof TransactionReceiptNotFoundError) return null
      throw thrown
    })
    const logs = receipt?.logs.filter(({ address }) => isAddressEqual(address, token)) ?? []
    const [minted] = parseEventLogs({ abi: poolInftAbi, logs, eventName: 'Minted' })
    if (minted !== undefined) return minted.args.tokenId
  }
  return null
}

/**
 * The first token that was minted to `owner` with this root; null where none was. Roots are public and anybody may mint anything, so a
 * later token of the same root is a copy. Errors: the client's.
 */
export async function findMint(
  client: PublicClient,
  { token }: Pick<InftPlace, 'token'>,
  fromBlock: bigint,
  { root, owner }: { root: Hex; owner: Address },
): Promise<bigint | null> {
  const toBlock = await client.getBlockNumber({ cacheTime: 0 })
  for (const range of oldestFirst({ fromBlock, toBlock })) {
    const logs = await client.getLogs({ address: token, ...range })
    for (const { args } of parseEventLogs({ abi: poolInftAbi, logs, eventName: 'Minted' })) {
      if (args.data[0]?.dataHash === root && isAddressEqual(args.owner, owner)) return args.tokenId
    }
  }
  return null
}

export interface HistoryRange {
  readonly fromBlock: bigint
  /** Default: the last. */
  readonly toBlock?: bigint
  readonly tokenId: bigint
  readonly ownOracle: Address
  /** Versions before the first block; default: none. */
  readonly versionsBefore?: number
}

/** Its versions of these blocks, the oldest first, the last hundred of them. Errors: the client's. */
export async function readHistory(
  client: PublicClient,
  { token, verifier }: InftPlace,
  { fromBlock, tokenId, ownOracle, versionsBefore = 0, ...range }: HistoryRange,
): Promise<InftToken['history']> {
  const toBlock = range.toBlock ?? (await client.getBlockNumber({ cacheTime: 0 }))
  const id: Hex = `0x${tokenId.toString(16).padStart(64, '0')}`
  const found: VersionLog[] = []
  for (const piece of oldestFirst({ fromBlock, toBlock })) {
    const [fromChain, toChain] = [piece.fromBlock, piece.toBlock].map(block => `0x${block.toString(16)}` as Hex)
    const logs = await client.request({
      method: 'eth_getLogs',
      params: [{ address: token, topics: [[mintedEvent, updatedEvent], id], fromBlock: fromChain, toBlock: toChain }],
    } as never)
    found.push(...parseVersions((logs as RpcLog[]).map(log => formatLog(log) as Log)))
  }
  const times = new Map<bigint, Promise<bigint>>()
  const timeOf = (block: bigint): Promise<bigint> => {
    const known = times.get(block) ?? client.getBlock({ blockNumber: block }).then(({ timestamp }) => timestamp)
    times.set(block, known)
    return known
  }
  /** Who encrypted all of these anew in that transaction. A root alone tells nothing: anybody may write down one that an oracle once made. */
  const oracleOf = async (hash: Hex, roots: readonly Hex[]): Promise<InftToken['history'][number]['oracle']> => {
    const { logs } = await client.getTransactionReceipt({ hash })
    const ofVerifier = logs.filter(({ address }) => isAddressEqual(address, verifier))
    const said = parseEventLogs({ abi: teeDataVerifierAbi, logs: ofVerifier, eventName: 'Reencrypted' })
      .map(({ args }) => args)
      .filter(args => isAddressEqual(args.token, token))
    const own = roots.map(root => said.find(({ newDataHash }) => newDataHash === root))
    const [first] = own
    if (first === undefined || own.includes(undefined)) return null
    const isSimulated = own.some(one =>
      isOracleSimulated({ address: one!.oracle, isSimulated: one!.isSimulated }, ownOracle),
    )
    return { address: first.oracle, isSimulated }
  }
  const rows = found
    .map((log, index) => ({ log, version: versionsBefore + index + 1 }))
    .slice(-mostShown)
    .map(async ({ log, version }): Promise<InftToken['history'][number]> => {
      const roots = (log.eventName === 'Minted' ? log.args.data : log.args.newData).map(({ dataHash }) => dataHash)
      const oracle = await oracleOf(log.transactionHash!, roots)
      return {
        version,
        roots,
        transaction: log.transactionHash!,
        blockNumber: Number(log.blockNumber),
        atSeconds: Number(await timeOf(log.blockNumber!)),
        by: log.eventName === 'Minted' ? 'mint' : oracle === null ? 'update' : 'transfer',
        oracle,
      }
    })
  return Promise.all(rows)
}

const parseVersions = (logs: Log[]) => parseEventLogs({ abi: poolInftAbi, logs, eventName: ['Minted', 'Updated'] })
type VersionLog = ReturnType<typeof parseVersions>[number]

function selectorOf(name: 'Minted' | 'Updated'): Hex {
  return toEventSelector(poolInftAbi.find(item => item.type === 'event' && item.name === name) as never)
}
