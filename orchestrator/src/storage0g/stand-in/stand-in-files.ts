/**
 * The files of the storage stand-in: what was submitted on the chain, and which segments of it came, each proved. In memory, and with a
 * folder on disk once whole. It knows no HTTP and reads no chain.
 */
import { mkdir, open, rename, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  isSegmentOf,
  proveSegment,
  type SegmentProof,
  segmentBytes,
  segmentRoot,
  segmentSize,
  treeSegments,
} from '@computepool/shared/storage0g'
import type { Hex } from 'viem'

/** One `Submit` of the flow contract. */
export interface Submission {
  readonly seq: number
  readonly root: Hex
  readonly sizeBytes: number
  /** In chunks of 256 bytes. */
  readonly startEntry: number
  readonly nodes: readonly { readonly root: Hex; readonly height: bigint }[]
}

export interface StandInFile extends Submission {
  readonly isWhole: boolean
  readonly segments: number
}

export interface SentSegment {
  readonly root: Hex
  readonly index: number
  readonly data: Uint8Array
  readonly proof: SegmentProof
}

export type SegmentAnswer = 'taken' | 'unknown' | 'invalid' | 'whole'

interface Held extends Submission {
  /** To the end of the last chunk; undefined until the first segment comes, and while it is on disk only. */
  bytes: Uint8Array | undefined
  readonly came: Set<number>
  isWhole: boolean
}

export type StandInFiles = ReturnType<typeof createStandInFiles>

/** What is larger is not taken: a stand-in holds files in memory. */
const mostStandInBytes = 256 * 1024 * 1024

export function createStandInFiles({ folder }: { readonly folder?: string | undefined } = {}) {
  const bySeq = new Map<number, Held>()
  const fileOf = (root: Hex): string => path.join(folder!, root.slice(2))
  const segmentCount = ({ sizeBytes }: Submission): number => Math.ceil(sizeBytes / segmentBytes)

  async function isOnDisk({ root, sizeBytes }: Submission): Promise<boolean> {
    if (folder === undefined) return false
    return stat(fileOf(root)).then(
      ({ size }) => size === paddedSize(sizeBytes),
      () => false,
    )
  }

  async function keep(held: Held): Promise<void> {
    if (folder === undefined) return
    await mkdir(folder, { recursive: true })
    const draft = `${fileOf(held.root)}.${process.pid}.${held.seq}`
    await writeFile(draft, held.bytes!)
    await rename(draft, fileOf(held.root))
    held.bytes = undefined
  }

  const viewOf = (held: Held): StandInFile => ({ ...held, segments: held.came.size })

  return {
    async submitted(submission: Submission): Promise<void> {
      if (bySeq.has(submission.seq) || submission.sizeBytes > mostStandInBytes) return
      const isWhole = await isOnDisk(submission)
      bySeq.set(submission.seq, { ...submission, bytes: undefined, came: new Set(), isWhole })
    },

    bySeq(seq: number): StandInFile | null {
      const held = bySeq.get(seq)
      return held ? viewOf(held) : null
    },

    /** The whole one of that root, else the latest that was submitted. */
    byRoot(root: Hex): StandInFile | null {
      const all = [...bySeq.values()].filter(held => held.root === root)
      const held = all.find(({ isWhole }) => isWhole) ?? all.at(-1)
      return held ? viewOf(held) : null
    },

    /** Takes a segment that its proof places in the file; the last one that was missing makes the file whole. */
    async take(seq: number, { root, index, data, proof }: SentSegment): Promise<SegmentAnswer> {
      const held = bySeq.get(seq)
      if (held === undefined || held.root !== root) return 'unknown'
      if (held.isWhole) return 'whole'
      if (!isSegmentOf(held, { index, data, proof })) return 'invalid'
      // What only pads is not data: nobody asks for it.
      if (data.length > 0) {
        held.bytes ??= new Uint8Array(paddedSize(held.sizeBytes))
        held.bytes.set(data, index * segmentBytes)
        held.came.add(index)
      }
      if (held.came.size === segmentCount(held)) {
        await keep(held)
        held.isWhole = true
      }
      return 'taken'
    },

    /** Bytes [from, to) of a whole file, its last chunk filled up with zeros; null where it is not whole. */
    async read(seq: number, from: number, to: number): Promise<Uint8Array | null> {
      const held = bySeq.get(seq)
      if (!held?.isWhole) return null
      if (held.bytes) return held.bytes.subarray(from, to)
      const length = Math.max(0, Math.min(to, paddedSize(held.sizeBytes)) - from)
      const file = await open(fileOf(held.root))
      try {
        return (await file.read(Buffer.alloc(length), 0, length, from)).buffer
      } finally {
        await file.close()
      }
    },

    /** Segment `index` of a whole file with its proof. */
    async segment(seq: number, index: number): Promise<{ data: Uint8Array; proof: SegmentProof } | null> {
      const all = await this.read(seq, 0, Number.MAX_SAFE_INTEGER)
      const { sizeBytes } = bySeq.get(seq) ?? { sizeBytes: 0 }
      if (all === null || index >= treeSegments(sizeBytes)) return null
      const dataOf = (at: number) => all.subarray(at * segmentBytes, at * segmentBytes + segmentSize(sizeBytes, at))
      const roots = Array.from({ length: treeSegments(sizeBytes) }, (_, at) => segmentRoot(sizeBytes, at, dataOf(at)))
      return { data: dataOf(index), proof: proveSegment(roots, index) }
    },

    nextSeq: (): number => Math.max(-1, ...bySeq.keys()) + 1,
  }
}

const paddedSize = (sizeBytes: number): number => Math.ceil(sizeBytes / 256) * 256
