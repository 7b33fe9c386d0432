/**
 * The header of a GGUF file, versions 2 and 3, little-endian: metadata, then names, shapes and offsets of tensors. It is written by strangers, so
 * every count is checked against a cap and against the bytes that are there. Source: the GGUF specification of ggml.
 */
import { ComputePoolError } from '../errors/index.ts'

export type GgufScalar = number | bigint | boolean | string
export type GgufValue = GgufScalar | readonly GgufScalar[]

export interface GgufTensor {
  readonly type: string
  /** Outermost first, as everywhere here; GGUF itself stores the innermost first. */
  readonly shape: readonly number[]
  /** From the start of the file. */
  readonly offset: number
}

export interface GgufHeader {
  readonly version: number
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: ReadonlyMap<string, GgufTensor>
}

/** The bytes given end inside the header: at least so many of the file are needed. */
export interface GgufIncomplete {
  readonly needsBytes: number
}

/** The largest vocabularies make headers of about 16 MB. */
export const MAX_GGUF_HEADER = 64 * 1024 * 1024
const MAX_TENSORS = 100_000
const MAX_METADATA = 10_000
const MAX_ARRAY = 2_000_000
const MAX_STRING = 1024 * 1024
const MAX_NAME = 300

/** GGML's types by number. Those that are not read are listed too, so that a refusal can name them. */
const typeNames: Record<number, string> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  8: 'Q8_0',
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  30: 'BF16',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
}

class Incomplete {
  readonly needsBytes: number
  constructor(needsBytes: number) {
    this.needsBytes = needsBytes
  }
}

function refuse(file: string, reason: string): never {
  throw new ComputePoolError('artifact_invalid', `"${file}" is not a sound GGUF file: ${reason}.`, {
    remedy: 'Fetch the checkpoint again.',
    context: { param: file },
  })
}

/**
 * Parses the header from the first bytes of `file`; `fileBytes` is the size of the whole.
 * Returns how many bytes it needs where they are too few. Errors: `artifact_invalid`.
 */
export function parseGgufHeader(bytes: Uint8Array, file: string, fileBytes: number): GgufHeader | GgufIncomplete {
  try {
    return parse(bytes, file, fileBytes)
  } catch (thrown) {
    if (!(thrown instanceof Incomplete)) throw thrown
    if (thrown.needsBytes > fileBytes) refuse(file, 'its header runs past the end of the file')
    if (thrown.needsBytes > MAX_GGUF_HEADER) refuse(file, `its header needs more than ${MAX_GGUF_HEADER} bytes`)
    return { needsBytes: thrown.needsBytes }
  }
}

function parse(bytes: Uint8Array, file: string, fileBytes: number): GgufHeader {
  const reader = readerOf(bytes, file)
  if (reader.u32() !== 0x4655_4747) refuse(file, 'it does not begin with "GGUF"')
  const version = reader.u32()
  if (version > 0xffff) refuse(file, 'it is big-endian, which is not read')
  if (version !== 2 && version !== 3) refuse(file, `its version is ${version}; 2 and 3 are read`)
  const tensorCount = reader.count(MAX_TENSORS, 'tensors')
  const metadataCount = reader.count(MAX_METADATA, 'metadata entries')
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < metadataCount; i++) {
    const key = reader.text(MAX_NAME)
    if (metadata.has(key)) refuse(file, `metadata "${key}" is there twice`)
    metadata.set(key, readValue(reader, file, reader.u32(), key))
  }
  const alignment = metadata.get('general.alignment') ?? 32
  if (typeof alignment !== 'number' || alignment < 8 || alignment > 65536 || alignment % 8 !== 0)
    refuse(file, `its alignment is ${alignment}`)
  const relative = new Map<string, GgufTensor>()
  for (let i = 0; i < tensorCount; i++) {
    const name = reader.text(MAX_NAME)
    if (relative.has(name)) refuse(file, `tensor "${name}" is there twice`)
    relative.set(name, readTensor(reader, file, name, alignment))
  }
  const start = Math.ceil(reader.at() / alignment) * alignment
  const tensors = new Map<string, GgufTensor>()
  for (const [name, tensor] of relative) {
    const offset = start + tensor.offset
    if (offset > fileBytes) refuse(file, `tensor "${name}" lies outside the file`)
    tensors.set(name, { ...tensor, offset })
  }
  return { version, metadata, tensors }
}

function readTensor(reader: Reader, file: string, name: string, alignment: number): GgufTensor {
  const rank = reader.u32()
  if (rank < 1 || rank > 4) refuse(file, `tensor "${name}" has ${rank} dimensions`)
  const shape: number[] = []
  for (let i = 0; i < rank; i++) shape.unshift(reader.count(2 ** 40, `values of "${name}"`))
  // A trailing 1 of llama.cpp's own, e.g. [n, 1]: leading here.
  while (shape.length > 1 && shape[0] === 1) shape.shift()
  const type = reader.u32()
  const offset = reader.count(2 ** 48, `bytes before "${name}"`)
  if (offset % alignment !== 0) refuse(file, `tensor "${name}" is not aligned to ${alignment}`)
  return { type: typeNames[type] ?? `GGML type ${type}`, shape, offset }
}

function readValue(reader: Reader, file: string, type: number, key: string): GgufValue {
  if (type !== 9) return readScalar(reader, file, type, key)
  const itemType = reader.u32()
  if (itemType === 9) refuse(file, `metadata "${key}" is an array of arrays`)
  const count = reader.count(MAX_ARRAY, `values in "${key}"`)
  const values: GgufScalar[] = []
  for (let i = 0; i < count; i++) values.push(readScalar(reader, file, itemType, key))
  return values
}

function readScalar(reader: Reader, file: string, type: number, key: string): GgufScalar {
  switch (type) {
    case 0:
      return reader.view(1).getUint8(0)
    case 1:
      return reader.view(1).getInt8(0)
    case 2:
      return reader.view(2).getUint16(0, true)
    case 3:
      return reader.view(2).getInt16(0, true)
    case 4:
      return reader.u32()
    case 5:
      return reader.view(4).getInt32(0, true)
    case 6:
      return reader.view(4).getFloat32(0, true)
    case 7:
      return reader.view(1).getUint8(0) !== 0
    case 8:
      return reader.text(MAX_STRING)
    case 10:
      return reader.view(8).getBigUint64(0, true)
    case 11:
      return reader.view(8).getBigInt64(0, true)
    case 12:
      return reader.view(8).getFloat64(0, true)
    default:
      return refuse(file, `metadata "${key}" is of type ${type}`)
  }
}

interface Reader {
  at(): number
  view(length: number): DataView
  u32(): number
  /** A 64-bit count, at most `most`. */
  count(most: number, what: string): number
  text(maxBytes: number): string
}

function readerOf(bytes: Uint8Array, file: string): Reader {
  const decoder = new TextDecoder('utf-8')
  let position = 0
  const take = (length: number): number => {
    const from = position
    if (from + length > bytes.length) throw new Incomplete(from + length)
    position += length
    return from
  }
  const view = (length: number) => new DataView(bytes.buffer, bytes.byteOffset + take(length), length)
  const count = (most: number, what: string) => {
    const value = view(8).getBigUint64(0, true)
    if (value > BigInt(most)) refuse(file, `it claims ${value} ${what}`)
    return Number(value)
  }
  return {
    at: () => position,
    view,
    u32: () => view(4).getUint32(0, true),
    count,
    text: maxBytes => {
      const length = count(maxBytes, 'bytes of text')
      const from = take(length)
      return decoder.decode(bytes.subarray(from, from + length))
    },
  }
}
