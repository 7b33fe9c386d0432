/**
 * Eight numbers that stand for a row of activations: its sums under random signs, which differ little where the row does. The signs come of
 * a nonce that its seat learns with the work. Nothing compares them yet. Johnson and Lindenstrauss 1984; Achlioptas 2003 (database-friendly random projections).
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { activationValues } from '../engine/convert-activation.ts'
import type { Activation } from '../ports/index.ts'

export const sketchLength = 8
const signsOfDigest = 256

/** `row` [1, hidden] in eight f32, little-endian, hex. The signs of number `i` are the bits of SHA-256(nonce ‖ i u32le ‖ block u32le), 1 for plus. */
export function sketchOf(row: Activation, nonce: string): string {
  const values = activationValues(row)
  const sketch = new DataView(new ArrayBuffer(4 * sketchLength))
  for (let index = 0; index < sketchLength; index++)
    sketch.setFloat32(4 * index, projected(values, hexToBytes(nonce), index), true)
  return bytesToHex(new Uint8Array(sketch.buffer))
}

function projected(values: Float32Array, nonce: Uint8Array, index: number): number {
  let sum = 0
  for (let start = 0; start < values.length; start += signsOfDigest) {
    const signs = signsAt(nonce, index, start / signsOfDigest)
    const end = Math.min(values.length, start + signsOfDigest)
    for (let at = start; at < end; at++) {
      const bit = at - start
      sum += (signs[bit >> 3]! >> (bit & 7)) & 1 ? values[at]! : -values[at]!
    }
  }
  return sum
}

function signsAt(nonce: Uint8Array, index: number, block: number): Uint8Array {
  const bytes = new Uint8Array(nonce.length + 8)
  bytes.set(nonce)
  const view = new DataView(bytes.buffer)
  view.setUint32(nonce.length, index, true)
  view.setUint32(nonce.length + 4, block, true)
  return sha256(bytes)
}
