/**
 * The Merkle root by which 0G Storage names a file, computed piece by piece with memory for one branch: chunks of 256 bytes, Keccak-256,
 * the left child the largest power of two. Pure; it knows no node and no contract. The root does not tell the length: keep both.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Hex } from '../coalition/index.ts'

export const chunkBytes = 256
/** What a storage node takes at a time: 1,024 chunks. */
export const segmentBytes = 1024 * chunkBytes

/** A perfect subtree of a file: of 2^height chunks. */
export interface Subtree {
  readonly root: Hex
  readonly height: number
}

export interface FileRoot {
  readonly root: Hex
  readonly sizeBytes: number
  /** Left to right, as a submission to 0G's flow contract names them. */
  readonly subtrees: readonly Subtree[]
}

export interface RootHasher {
  append(bytes: Uint8Array): void
  /** Once, after the last byte. @throws RangeError where no byte came: 0G knows no empty file. */
  finish(): FileRoot
}

interface Node {
  readonly hash: Uint8Array
  readonly height: number
}

/** How many chunks a file of `chunks` is padded to: a multiple of a sixteenth of the next power of two, where that has 16. */
export function paddedChunks(chunks: number): number {
  let power = 1
  while (power < chunks) power *= 2
  const unit = power >= 16 ? power / 16 : 1
  return Math.ceil(chunks / unit) * unit
}

export function createRootHasher(): RootHasher {
  const branch: Node[] = []
  const held = new Uint8Array(chunkBytes)
  let heldBytes = 0
  let sizeBytes = 0

  function push(chunk: Uint8Array): void {
    let node: Node = { hash: keccak_256(chunk), height: 0 }
    while (branch.at(-1)?.height === node.height) {
      node = { hash: pair(branch.pop()!.hash, node.hash), height: node.height + 1 }
    }
    branch.push(node)
  }

  return {
    append(bytes) {
      sizeBytes += bytes.length
      let at = 0
      if (heldBytes > 0) {
        at = Math.min(chunkBytes - heldBytes, bytes.length)
        held.set(bytes.subarray(0, at), heldBytes)
        heldBytes += at
        if (heldBytes < chunkBytes) return
        push(held)
        heldBytes = 0
      }
      for (; at + chunkBytes <= bytes.length; at += chunkBytes) push(bytes.subarray(at, at + chunkBytes))
      held.set(bytes.subarray(at))
      heldBytes = bytes.length - at
    },
    finish() {
      if (sizeBytes === 0) throw new RangeError('0G Storage knows no empty file.')
      const chunks = Math.ceil(sizeBytes / chunkBytes)
      if (heldBytes > 0) push(held.fill(0, heldBytes))
      const empty = new Uint8Array(chunkBytes)
      for (let added = chunks; added < paddedChunks(chunks); added++) push(empty)
      const root = branch.map(({ hash }) => hash).reduceRight((right, left) => pair(left, right))
      return {
        root: hexOf(root),
        sizeBytes,
        subtrees: branch.map(({ hash, height }) => ({ root: hexOf(hash), height })),
      }
    },
  }
}

/** Of bytes that are all at hand. @throws RangeError where there are none. */
export function fileRootOf(bytes: Uint8Array): FileRoot {
  const hasher = createRootHasher()
  hasher.append(bytes)
  return hasher.finish()
}

function pair(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(64)
  both.set(left)
  both.set(right, 32)
  return keccak_256(both)
}

const hexOf = (hash: Uint8Array): Hex => `0x${bytesToHex(hash)}`
