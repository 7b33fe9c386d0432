/**
 * Proofs that a segment (1,024 chunks) belongs to a file of 0G Storage: made and checked, in the SDK's form: `lemma` is the segment's own
 * root, its siblings upwards, and the file's root; `path` says where it stands on the left. Pure.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import type { Hex } from '../coalition/index.ts'
import { chunkBytes, fileRootOf, paddedChunks, segmentBytes } from './merkle-root.ts'

export interface SegmentProof {
  readonly lemma: readonly Hex[]
  readonly path: readonly boolean[]
}

const segmentChunks = segmentBytes / chunkBytes

/** How many segments the tree of a file has: those of its padding included. */
export const treeSegments = (sizeBytes: number): number => Math.ceil(paddedChunks(chunksOf(sizeBytes)) / segmentChunks)

const chunksOf = (sizeBytes: number): number => Math.ceil(sizeBytes / chunkBytes)

/** Bytes of segment `index` as nodes send them: the last one up to the end of its chunk. 0 where only padding is. */
export const segmentSize = (sizeBytes: number, index: number): number =>
  Math.max(0, Math.min(segmentChunks, chunksOf(sizeBytes) - index * segmentChunks)) * chunkBytes

/** The root of segment `index` of a file of `sizeBytes`, of which `data` is what it holds. */
export function segmentRoot(sizeBytes: number, index: number, data: Uint8Array): Hex {
  const chunks = Math.min(segmentChunks, paddedChunks(chunksOf(sizeBytes)) - index * segmentChunks)
  const padded = new Uint8Array(chunks * chunkBytes)
  padded.set(data)
  return fileRootOf(padded).root
}

/** The proof for `roots[index]`, of the roots of all segments of a tree. */
export function proveSegment(roots: readonly Hex[], index: number): SegmentProof {
  const siblings: Hex[] = []
  const path: boolean[] = []
  let [from, to] = [0, roots.length]
  while (to - from > 1) {
    const middle = from + leftOf(to - from)
    const isLeft = index < middle
    siblings.push(isLeft ? rootOf(roots, middle, to) : rootOf(roots, from, middle))
    path.push(isLeft)
    if (isLeft) to = middle
    else from = middle
  }
  const root = rootOf(roots, 0, roots.length)
  if (roots.length === 1) return { lemma: [root], path: [] }
  return { lemma: [roots[index]!, ...siblings.reverse(), root], path: path.reverse() }
}

/** True where `data` is segment `index` of the file of that root and size, and the proof says so. */
export function isSegmentOf(
  file: { readonly root: Hex; readonly sizeBytes: number },
  { index, data, proof }: { readonly index: number; readonly data: Uint8Array; readonly proof: SegmentProof },
): boolean {
  const { lemma, path } = proof
  const leaves = treeSegments(file.sizeBytes)
  if (index < 0 || index >= leaves || data.length !== segmentSize(file.sizeBytes, index)) return false
  if (lemma.length !== (path.length === 0 ? 1 : path.length + 2)) return false
  const own = segmentRoot(file.sizeBytes, index, data)
  if (lemma[0] !== own || lemma.at(-1) !== file.root || placeOf(path, leaves) !== index) return false
  const top = path.reduce<Hex>((hash, isLeft, at) => {
    const sibling = lemma[at + 1]!
    return isLeft ? pair(hash, sibling) : pair(sibling, hash)
  }, own)
  return top === file.root
}

/** The largest power of two below `count`. */
function leftOf(count: number): number {
  let left = 1
  while (left * 2 < count) left *= 2
  return left
}

/** Which of `leaves` a path leads to; null where it ends too early or too late. */
function placeOf(path: readonly boolean[], leaves: number): number | null {
  let [from, count] = [0, leaves]
  for (const isLeft of [...path].reverse()) {
    if (count === 1) return null
    const left = leftOf(count)
    if (isLeft) count = left
    else [from, count] = [from + left, count - left]
  }
  return count === 1 ? from : null
}

function rootOf(roots: readonly Hex[], from: number, to: number): Hex {
  if (to - from === 1) return roots[from]!
  const middle = from + leftOf(to - from)
  return pair(rootOf(roots, from, middle), rootOf(roots, middle, to))
}

const pair = (left: Hex, right: Hex): Hex => `0x${bytesToHex(keccak_256(hexToBytes(left.slice(2) + right.slice(2))))}`
