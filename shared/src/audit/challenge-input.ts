/**
 * What goes into a slice that is challenged: tokens for the entry, rows of activations for all others, made from a seed. The same bits on every machine
 * and in every float, for it is whole numbers times powers of two. It knows no engine and no model but for its width.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { hexToBytes } from '@noble/hashes/utils.js'
import { bytesOf } from '../engine/float-formats.ts'
import type { EngineRow } from '../ports/index.ts'

export interface ChallengeInput {
  /** 32 bytes, hex. */
  readonly seed: string
  readonly positions: number
  readonly dimensions: { readonly hidden: number; readonly vocab: number }
  /** Layer 0 takes tokens. */
  readonly isEntry: boolean
}

/**
 * Powers of two that rows' root mean squares lie about, one row after the other: from 0.14 to 37. Those between the layers of packs lie within: the demo
 * model's golden rows from 0.07 (behind the embedding) to 23. The smaller a row, the more of what comes out is the layers' own.
 */
const smallestExponent = -3
const exponents = 9
/** A value is the sum of four numbers of six bits, less their mean: at most 126 either way, which bf16 holds exactly; 36.9 in the root mean square. */
const partsOfValue = 4
const meanOfValue = 126
const exponentOfMeanSquare = 5

/** All of it, in f32 where it is rows [positions, hidden]. */
export function challengeInput({ seed, positions, dimensions, isEntry }: ChallengeInput): EngineRow['input'] {
  const bytes = bytesFrom(seed)
  if (isEntry) return { tokens: Array.from({ length: positions }, () => tokenBelow(dimensions.vocab, bytes)) }
  const { hidden } = dimensions
  const values = new Float32Array(positions * hidden)
  for (let at = 0; at < values.length; at++) {
    const exponent = smallestExponent + (Math.floor(at / hidden) % exponents)
    let sum = 0
    for (let part = 0; part < partsOfValue; part++) sum += bytes() & 63
    values[at] = (sum - meanOfValue) * 2 ** (exponent - exponentOfMeanSquare)
  }
  return { activation: { dtype: 'f32', tokens: positions, hidden, data: bytesOf(values) } }
}

/** Of 48 bits the remainder leans by less than one in a thousand million. */
function tokenBelow(vocab: number, bytes: () => number): number {
  let drawn = 0
  for (let i = 0; i < 6; i++) drawn = drawn * 256 + bytes()
  return drawn % vocab
}

/** One after the other: SHA-256("computepool slice challenge 1" ‖ 0 ‖ seed ‖ block u32le), block by block. */
function bytesFrom(seed: string): () => number {
  const label = new TextEncoder().encode('computepool slice challenge 1\0')
  const secret = hexToBytes(seed)
  const asked = new Uint8Array(label.length + secret.length + 4)
  asked.set(label)
  asked.set(secret, label.length)
  const counter = new DataView(asked.buffer, label.length + secret.length)
  let block: Uint8Array = new Uint8Array(0)
  let at = 0
  let count = 0
  return () => {
    if (at === block.length) {
      counter.setUint32(0, count, true)
      count += 1
      block = sha256(asked)
      at = 0
    }
    return block[at++]!
  }
}
