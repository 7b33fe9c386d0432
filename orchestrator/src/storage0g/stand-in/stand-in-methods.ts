/**
 * The JSON-RPC methods of a 0G Storage node and indexer, as 0G's SDK calls them, over the stand-in's files; and the bad manners that a
 * test may ask for. It knows no HTTP.
 */
import { segmentBytes } from '@computepool/shared/storage0g'
import type { Address, Hex } from 'viem'
import { z } from 'zod'
import type { FlowFollower } from './follow-flow.ts'
import type { StandInFile, StandInFiles } from './stand-in-files.ts'

/** What a stand-in does wrong on purpose; all off by default. */
export interface StandInFaults {
  /** Gives out each segment with one byte changed. */
  changesBytes?: boolean
  /** Gives out each segment without its last chunk. */
  cutsSegments?: boolean
  /** Says that files are one byte shorter. */
  saysShorter?: boolean
  /** Knows nothing of what is on the chain. */
  neverSyncs?: boolean
  /** Takes all segments and is never done. */
  neverFinalizes?: boolean
  /** The indexer answers null for each file. */
  knowsNoLocation?: boolean
  /** Takes requests, and answers none. */
  isSilent?: boolean
}

export interface StandInContext {
  readonly chainId: number
  readonly flow: Address
  readonly files: StandInFiles
  readonly follower: FlowFollower
  readonly faults: StandInFaults
  /** Where it can be reached. */
  url(): string
}

/** An answer of JSON-RPC that is an error. */
export class StandInRefusal extends Error {
  readonly rpcCode: number
  readonly data: string
  constructor(rpcCode: number, message: string, data: string) {
    super(message)
    this.rpcCode = rpcCode
    this.data = data
  }
}

const hash = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/)
  .transform(value => value.toLowerCase() as Hex)
const count = z.int().min(0)
const sentSegment = z.object({
  root: hash,
  data: z.base64().max(Math.ceil(segmentBytes / 3) * 4),
  index: count,
  proof: z.object({ lemma: z.array(hash).max(66), path: z.array(z.boolean()).max(64) }),
  fileSize: count,
})
const invalid = (data: string) => new StandInRefusal(-32602, 'Invalid params', data)

export type Method = (params: readonly unknown[], context: StandInContext) => Promise<unknown>

const shardConfig = { shardId: 0, numShard: 1 }
const nodeAt = (url: string) => ({ url, config: shardConfig, latency: 1, since: 0 })

export const standInMethods: Readonly<Record<string, Method>> = {
  indexer_getShardedNodes: async (_, { url }) => ({ trusted: [nodeAt(url())], discovered: [] }),
  indexer_getFileLocations: async ([root], context) => {
    const file = await known(context, hash.parse(root))
    return file && !context.faults.knowsNoLocation ? [nodeAt(context.url())] : null
  },
  zgs_getStatus: async (_, { chainId, flow, files, follower, faults }) => {
    if (!faults.neverSyncs) await follower.sync()
    return {
      connectedPeers: 0,
      logSyncHeight: Number(follower.block()),
      logSyncBlock: `0x${'00'.repeat(32)}`,
      nextTxSeq: files.nextSeq(),
      networkIdentity: { chainId, flowAddress: flow, p2pProtocolVersion: { major: 0, minor: 0, build: 0 } },
    }
  },
  zgs_getShardConfig: async () => shardConfig,
  zgs_getFileInfo: async ([root], context) => infoOf(context, await known(context, hash.parse(root))),
  zgs_getFileInfoByTxSeq: async ([seq], context) => {
    if (context.faults.neverSyncs) return null
    await context.follower.sync()
    return infoOf(context, context.files.bySeq(count.parse(seq)))
  },
  zgs_uploadSegmentsByTxSeq: async ([segments, seq], context) => {
    const all = z.array(sentSegment).min(1).max(16).parse(segments)
    for (const { data, ...segment } of all) {
      const answer = await context.files.take(count.parse(seq), { ...segment, data: Buffer.from(data, 'base64') })
      // In the words that clients look for.
      if (answer === 'whole') throw invalid('already uploaded and finalized')
      if (answer !== 'taken') throw invalid(answer === 'unknown' ? 'tx not found' : 'segment does not fit its proof')
    }
    return all.length
  },
  zgs_downloadSegmentByTxSeq: ([seq, start, end], context) => chunks(context, count.parse(seq), start, end),
  zgs_downloadSegment: async ([root, start, end], context) => {
    const file = await known(context, hash.parse(root))
    return file && chunks(context, file.seq, start, end)
  },
  zgs_downloadSegmentWithProofByTxSeq: ([seq, index], context) => proved(context, count.parse(seq), index),
  zgs_downloadSegmentWithProof: async ([root, index], context) => {
    const file = await known(context, hash.parse(root))
    return file && proved(context, file.seq, index)
  },
}

async function known({ faults, follower, files }: StandInContext, root: Hex): Promise<StandInFile | null> {
  if (faults.neverSyncs) return null
  await follower.sync()
  return files.byRoot(root)
}

function infoOf({ faults }: StandInContext, file: StandInFile | null) {
  if (file === null) return null
  return {
    tx: {
      streamIds: [],
      data: [],
      dataMerkleRoot: file.root,
      merkleNodes: file.nodes.map(({ root, height }) => [Number(height), root]),
      startEntryIndex: file.startEntry,
      size: file.sizeBytes - (faults.saysShorter ? 1 : 0),
      seq: file.seq,
    },
    finalized: file.isWhole && !faults.neverFinalizes,
    isCached: false,
    uploadedSegNum: file.segments,
    pruned: false,
  }
}

async function chunks({ files, faults }: StandInContext, seq: number, start: unknown, end: unknown) {
  const [from, to] = [count.parse(start) * 256, count.parse(end) * 256]
  if (to - from > segmentBytes) throw invalid('more than a segment')
  const bytes = await files.read(seq, from, to)
  return bytes && Buffer.from(spoil(bytes, faults)).toString('base64')
}

async function proved({ files, faults }: StandInContext, seq: number, index: unknown) {
  const at = count.parse(index)
  const [file, segment] = [files.bySeq(seq), await files.segment(seq, at)]
  if (file === null || segment === null) return null
  const data = Buffer.from(spoil(segment.data, faults)).toString('base64')
  return { root: file.root, data, index: at, proof: segment.proof, fileSize: file.sizeBytes }
}

function spoil(bytes: Uint8Array, faults: StandInFaults): Uint8Array {
  if (faults.cutsSegments) return bytes.subarray(0, -256)
  if (!faults.changesBytes) return bytes
  const changed = Uint8Array.from(bytes)
  changed[0]! ^= 1
  return changed
}
