/**
 * The header of a safetensors file: 8 bytes of length, then JSON of names, types, shapes and offsets. It is written by strangers, so every
 * number is checked before one byte of weights is read. Source: the safetensors format of Hugging Face.
 */
import { z } from 'zod'
import { ComputePoolError } from '../errors/index.ts'

/** Real headers stay under a few megabytes; the format itself allows 100 MB. */
export const MAX_SAFETENSORS_HEADER = 32 * 1024 * 1024

export interface SafetensorsEntry {
  readonly dtype: string
  readonly shape: readonly number[]
  /** From the start of the file. */
  readonly offset: number
  readonly sizeBytes: number
}

const entrySchema = z.object({
  dtype: z.string().max(16),
  shape: z.array(z.int().nonnegative()).max(8),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
})

const dtypeBits: Record<string, number> = {
  F64: 64,
  I64: 64,
  U64: 64,
  F32: 32,
  I32: 32,
  U32: 32,
  F16: 16,
  BF16: 16,
  I16: 16,
  U16: 16,
  I8: 8,
  U8: 8,
  BOOL: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
}

function refuse(file: string, reason: string): never {
  throw new ComputePoolError('artifact_invalid', `"${file}" is not a sound safetensors file: ${reason}.`, {
    remedy: 'Fetch the checkpoint again.',
    context: { param: file },
  })
}

/** Bytes of the JSON header, from the first 8 bytes of `file`. Errors: `artifact_invalid`. */
export function safetensorsHeaderBytes(first8: Uint8Array, file: string, fileBytes: number): number {
  if (first8.length < 8) refuse(file, `it has only ${first8.length} bytes`)
  const length = new DataView(first8.buffer, first8.byteOffset).getBigUint64(0, true)
  if (length < 2n || length > BigInt(MAX_SAFETENSORS_HEADER)) refuse(file, `its header claims ${length} bytes`)
  if (Number(length) + 8 > fileBytes) refuse(file, `its header claims ${length} bytes, more than the file has`)
  return Number(length)
}

/**
 * The tensors of a safetensors file, by name, with absolute offsets. `json` is the header alone.
 * Errors: `artifact_invalid` for bad JSON, offsets outside the file, overlaps, or sizes that contradict the shape.
 */
export function parseSafetensorsHeader(
  json: Uint8Array,
  file: string,
  fileBytes: number,
): Map<string, SafetensorsEntry> {
  let data: unknown
  try {
    data = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json))
  } catch {
    refuse(file, 'its header is not JSON')
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) refuse(file, 'its header is not an object')
  const start = 8 + json.length
  const entries = new Map<string, SafetensorsEntry>()
  for (const [name, value] of Object.entries(data)) {
    if (name === '__metadata__') continue
    const shown = name.slice(0, 100)
    const parsed = entrySchema.safeParse(value)
    if (!parsed.success) refuse(file, `tensor "${shown}" has a malformed entry`)
    const { dtype, shape, data_offsets } = parsed.data
    const [begin, end] = data_offsets
    if (begin > end || start + end > fileBytes) refuse(file, `tensor "${shown}" lies outside the file`)
    const bits = dtypeBits[dtype]
    const count = shape.reduce((product, size) => product * size, 1)
    if (bits !== undefined && (count * bits) / 8 !== end - begin)
      refuse(file, `tensor "${shown}" is [${shape}] ${dtype} but spans ${end - begin} bytes`)
    entries.set(name, { dtype, shape, offset: start + begin, sizeBytes: end - begin })
  }
  refuseOverlaps(entries, file)
  return entries
}

function refuseOverlaps(entries: ReadonlyMap<string, SafetensorsEntry>, file: string): void {
  let end = 0
  for (const [name, entry] of [...entries].sort(
    (a, b) => a[1].offset - b[1].offset || a[1].sizeBytes - b[1].sizeBytes,
  )) {
    if (entry.offset < end) refuse(file, `tensor "${name.slice(0, 100)}" overlaps another`)
    end = entry.offset + entry.sizeBytes
  }
}
