/**
 * Thirty-two numbers that stand for all rows which somebody computed: two who computed the same rows give nearly the same numbers, and nobody can
 * give them who did not. It knows rows and a nonce, no engine, no seat and no wire. Why this bound: `docs/decisions/checks.md`.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'

/** Sums of a sketch: one bit each of a number of 32 bits. */
export const rowSketchSums = 32
/** What two sketches of the same rows may lie apart at most, where a whole row of as many as there are counts for one. */
export const rowSketchBound = 0.07
/** Hex digits of a sketch: an f32 a sum. */
export const rowSketchDigits = rowSketchSums * 8

export interface RowsSketched {
  /** `rowSketchSums` f32, little-endian, hex; of `rows` rows that are numbers it is about 1 long. */
  readonly sketch: string
  readonly rows: number
}

export interface RowSketcher {
  /** Row-major [rows, hidden], of positions `position` on; each position once, in any order. */
  add(position: number, values: Float32Array, hidden: number): void
  sketched(): RowsSketched
}

/**
 * `nonce`: hex, of whoever asks. Each row is brought to length 1, so that no large one hides others, and multiplied by signs of its own, so that none
 * can be left out or stand for another: a share *p* of rows that differ altogether shows as about √p. Johnson and Lindenstrauss 1984; Achlioptas 2003.
 */
export function createRowSketcher(nonce: string): RowSketcher {
  const seed = hexToBytes(nonce)
  const sums = new Float64Array(rowSketchSums)
  let rows = 0
  return {
    add(position, values, hidden) {
      for (let start = 0; start < values.length; start += hidden) {
        addRow(sums, values.subarray(start, start + hidden), signsOf(seed, position + start / hidden))
        rows += 1
      }
    },
    sketched() {
      const view = new DataView(new ArrayBuffer(4 * rowSketchSums))
      const scale = 1 / Math.sqrt(rowSketchSums * Math.max(1, rows))
      for (const [at, sum] of sums.entries()) view.setFloat32(4 * at, sum * scale, true)
      return { sketch: bytesToHex(new Uint8Array(view.buffer)), rows }
    },
  }
}

/** Whether both computed the same: the same number of rows, and sketches within the bound. What is no number is nobody's. */
export function isSameComputed(a: RowsSketched, b: RowsSketched): boolean {
  return a.rows === b.rows && distanceOfSketches(a.sketch, b.sketch) <= rowSketchBound
}

/** Of two sketches under one nonce: the root mean square over rows of how far they lie apart, estimated; not a number where one of them holds none. */
export function distanceOfSketches(a: string, b: string): number {
  const [ours, theirs] = [sumsOf(a), sumsOf(b)]
  return Math.hypot(...ours.map((sum, at) => sum - theirs[at]!))
}

/** False where one row held what is no number, or no finite one: then no sum is. */
export function isFiniteSketch(sketch: string): boolean {
  return sumsOf(sketch).every(Number.isFinite)
}

function sumsOf(sketch: string): number[] {
  const bytes = hexToBytes(sketch)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: rowSketchSums }, (_, at) => view.getFloat32(4 * at, true))
}

function addRow(sums: Float64Array, row: Float32Array, nextSigns: () => number): void {
  let square = 0
  for (const value of row) square += value * value
  const scale = square === 0 ? 0 : 1 / Math.sqrt(square)
  for (const value of row) {
    const signs = nextSigns()
    const scaled = value * scale
    for (let at = 0; at < rowSketchSums; at++) sums[at]! += (signs >>> at) & 1 ? scaled : -scaled
  }
}

/** A column's signs, bit by bit: xorshift128 (Marsaglia 2003) that begins with the first four u32 (little-endian) of SHA-256(nonce ‖ position u32le). */
function signsOf(nonce: Uint8Array, position: number): () => number {
  const bytes = new Uint8Array(nonce.length + 4)
  bytes.set(nonce)
  new DataView(bytes.buffer).setUint32(nonce.length, position, true)
  const digest = sha256(bytes)
  const state = new DataView(digest.buffer, digest.byteOffset)
  let [x, y, z, w] = [0, 4, 8, 12].map(at => state.getUint32(at, true)) as [number, number, number, number]
  return () => {
    const mixed = x ^ (x << 11)
    x = y
    y = z
    z = w
    w = w ^ (w >>> 19) ^ mixed ^ (mixed >>> 8)
    return w >>> 0
  }
}
