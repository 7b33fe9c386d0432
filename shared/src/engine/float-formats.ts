/** Views of bytes as numbers, and bfloat16 the way the wire accepts it. It knows no tensors. */

/** f32 values as little-endian bfloat16, ties to even. */
export function float32ToBfloat16(source: Float32Array): Uint8Array<ArrayBuffer> {
  const bits = new Uint32Array(
    source.buffer.slice(source.byteOffset, source.byteOffset + source.byteLength) as ArrayBuffer,
  )
  const words = new Uint16Array(source.length)
  for (let i = 0; i < source.length; i++) {
    const x = bits[i]!
    words[i] = (x & 0x7fffffff) > 0x7f800000 ? (x >>> 16) | 64 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16
  }
  return bytesOf(words)
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

/** The bytes under a view, without a copy. */
export function bytesOf(view: ArrayBufferView): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength)
}
