/** The three protobuf wire types that an ONNX model needs, as byte chunks (https://protobuf.dev/programming-guides/encoding/). */

/** One message under construction: fields in the order of the calls. */
export class MessageWriter {
  readonly #chunks: Uint8Array[] = []

  /** A varint field; negative values as 64-bit two's complement. */
  integer(field: number, value: number | bigint): this {
    this.#chunks.push(varint(BigInt(field) << 3n), varint(BigInt.asUintN(64, BigInt(value))))
    return this
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setFloat32(0, value, true)
    this.#chunks.push(varint((BigInt(field) << 3n) | 5n), bytes)
    return this
  }

  bytes(field: number, value: Uint8Array): this {
    this.#chunks.push(varint((BigInt(field) << 3n) | 2n), varint(BigInt(value.length)), value)
    return this
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value))
  }

  message(field: number, value: MessageWriter): this {
    return this.bytes(field, value.finish())
  }

  finish(): Uint8Array {
    const length = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    const whole = new Uint8Array(length)
    let offset = 0
    for (const chunk of this.#chunks) {
      whole.set(chunk, offset)
      offset += chunk.length
    }
    return whole
  }
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}
