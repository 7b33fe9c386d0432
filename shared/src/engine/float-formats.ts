/** IEEE 754 binary16 and bfloat16 to and from f32, by bits: the core runs where there is no Float16Array. It knows no tensors. */

const f32 = new Float32Array(1)
const bits = new Uint32Array(f32.buffer)

/** Bits of the nearest binary16, ties to even. */
export function halfBits(value: number): number {
  f32[0] = value
  const x = bits[0]!
  const sign = (x >>> 16) & 0x8000
  const magnitude = x & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Below 2^-14 halves are multiples of 2^-24; adding 0.5 aligns the f32 mantissa so that the hardware rounds ties to even.
    bits[0] = magnitude
    f32[0] = f32[0]! + 0.5
    return sign | (bits[0]! - 0x3f000000)
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return sign | ((rounded - 0x38000000) >>> 13)
}

let halfTable: Float32Array | null = null
/** The value of each of the 65,536 halves: converting a slice's scales by table is ten times faster than by arithmetic. */
function halves(): Float32Array {
  if (halfTable !== null) return halfTable
  const table = new Float32Array(65536)
  for (let half = 0; half < 65536; half++) {
    const exponent = (half >>> 10) & 31
    const fraction = half & 1023
    const magnitude =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction === 0
            ? Number.POSITIVE_INFINITY
            : Number.NaN
          : (1 + fraction / 1024) * 2 ** (exponent - 15)
    table[half] = half & 0x8000 ? -magnitude : magnitude
  }
  halfTable = table
  return table
}

/** The value of a binary16. */
export function fromHalfBits(half: number): number {
  return halves()[half]!
}

/** Little-endian halves as f32. */
export function halvesToFloats(source: Uint8Array): Float32Array {
  const table = halves()
  const words = wordsOf(source)
  const floats = new Float32Array(words.length)
  for (let i = 0; i < words.length; i++) floats[i] = table[words[i]!]!
  return floats
}

/** f32 as halves. */
export function floatsToHalves(source: Float32Array): Uint16Array {
  const words = new Uint16Array(source.length)
  for (let i = 0; i < source.length; i++) words[i] = halfBits(source[i]!)
  return words
}

/** Little-endian bfloat16 as f32: exact. */
export function bfloatsToFloats(source: Uint8Array): Float32Array {
  const words = wordsOf(source)
  const widened = new Uint32Array(words.length)
  for (let i = 0; i < words.length; i++) widened[i] = words[i]! << 16
  return new Float32Array(widened.buffer)
}

/** f32 as bfloat16, ties to even. */
export function floatsToBfloats(source: Float32Array): Uint16Array {
  const words = new Uint16Array(source.length)
  for (let i = 0; i < source.length; i++) {
    f32[0] = source[i]!
    const x = bits[0]!
    words[i] = (x & 0x7fffffff) > 0x7f800000 ? (x >>> 16) | 64 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16
  }
  return words
}

/** `bytes` as f32: in place where it is aligned. */
export function floatsOf(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const aligned = bytes.byteOffset % 4 === 0 && bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice()
  return new Float32Array(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / 4)
}

/** `bytes` as 16-bit words: in place where it is aligned. */
export function wordsOf(bytes: Uint8Array): Uint16Array<ArrayBuffer> {
  const aligned = bytes.byteOffset % 2 === 0 && bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice()
  return new Uint16Array(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / 2)
}

export function bytesOf(view: ArrayBufferView): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength)
}
