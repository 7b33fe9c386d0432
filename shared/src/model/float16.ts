/**
 * Half-precision floats as the bit patterns that packs and checkpoints store. IEEE 754 binary16 and bfloat16, rounding to
 * nearest, ties to even. It knows nothing of tensors.
 */

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** The binary16 pattern nearest to `value`; beyond ±65519 it is an infinity. */
export function float16Bits(value: number): number {
  scratch[0] = value
  const bits = scratchBits[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fff_ffff
  if (magnitude >= 0x7f80_0000) return sign | (magnitude > 0x7f80_0000 ? 0x7e00 : 0x7c00)
  if (magnitude >= 0x477f_f000) return sign | 0x7c00
  if (magnitude < 0x3300_0000) return sign
  if (magnitude < 0x3880_0000) return sign | roundShift((magnitude & 0x7f_ffff) | 0x80_0000, 126 - (magnitude >>> 23))
  return sign | roundShift(magnitude - 0x3800_0000, 13)
}

function roundShift(value: number, shift: number): number {
  const half = 1 << (shift - 1)
  const kept = value >>> shift
  const rest = value & ((1 << shift) - 1)
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept
}

/** The value of a binary16 pattern. */
export function float16Value(bits: number): number {
  return values()[bits & 0xffff]!
}

// 256 KiB once: a look-up is several times faster than decoding, and a checkpoint has hundreds of millions of values.
let table: Float32Array | undefined
function values(): Float32Array {
  if (table) return table
  const made = new Float32Array(65536)
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits >>> 10) & 31
    const fraction = bits & 1023
    made[bits] =
      exponent === 31
        ? fraction
          ? Number.NaN
          : sign * Number.POSITIVE_INFINITY
        : exponent === 0
          ? sign * fraction * 2 ** -24
          : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  }
  table = made
  return made
}

/** The bytes as 16-bit words, copied where they are not aligned. The host must be little-endian, as every host that runs this is. */
function words(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes)
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 1)
}

/** Little-endian binary16 bytes as f32. */
export function float16ToFloat32(bytes: Uint8Array): Float32Array {
  const lookup = values()
  const source = words(bytes)
  const out = new Float32Array(source.length)
  for (let i = 0; i < out.length; i++) out[i] = lookup[source[i]!]!
  return out
}

/** Little-endian bfloat16 bytes as f32: the upper half of its bits. */
export function bfloat16ToFloat32(bytes: Uint8Array): Float32Array {
  const source = words(bytes)
  const bits = new Uint32Array(source.length)
  for (let i = 0; i < bits.length; i++) bits[i] = source[i]! << 16
  return new Float32Array(bits.buffer)
}

/** f32 values as little-endian binary16 bytes. */
export function float32ToFloat16(source: Float32Array): Uint8Array {
  const out = new Uint8Array(source.length * 2)
  for (let i = 0; i < source.length; i++) {
    const bits = float16Bits(source[i]!)
    out[2 * i] = bits & 255
    out[2 * i + 1] = bits >>> 8
  }
  return out
}
