/**
 * Rows of the embedding, read from its part as tokens ask for them: a table of 150,000 rows costs no device memory, and a step
 * needs a few rows of it. Those used last stay in memory, as they are stored: text repeats its words, and a read is a round trip to
 * another process on every token's way. It knows the pack's layout, no session.
 */
import { ComputePoolError } from '../errors/index.ts'
import { float16ToFloat32, float16Value, type Manifest, type PackTensor } from '../model/index.ts'
import type { Activation, ActivationDtype, PartReader, PartSource } from '../ports/index.ts'
import { activationFromValues } from './convert-activation.ts'
import { floatsOf, wordsOf } from './float-formats.ts'

export interface EmbeddingReader {
  /** [tokens, hidden] in the type asked for at opening. */
  rows(tokens: readonly number[]): Promise<Activation>
  close(): Promise<void>
}

/** Room for some thousand rows of common models. */
export const defaultKeptRowBytes = 8 << 20

/** Opens the manifest's embedding; rows of at most `keptBytes` stay in memory, the last used ones. Errors: `artifact_invalid` where the part is not as the format says. */
export async function openEmbedding(
  manifest: Manifest,
  parts: PartSource,
  dtype: ActivationDtype,
  keptBytes = defaultKeptRowBytes,
): Promise<EmbeddingReader> {
  const part = manifest.parts.find(({ name }) => name === 'embedding')
  const tensor = part?.tensors.find(({ name }) => name === 'embedding')
  const scale = part?.tensors.find(({ name }) => name === 'embedding.scale') ?? null
  const isQuantised = tensor?.dtype === 'q4' || tensor?.dtype === 'q8'
  if (part === undefined || tensor === undefined || (isQuantised && scale === null))
    throw new ComputePoolError('artifact_invalid', `The pack of ${manifest.model} has no readable embedding.`, {
      remedy: 'Pack the model again.',
    })
  const reader = await parts.open(part)
  const { hidden, vocab } = manifest.dimensions
  const rowBytes = (tensor.sizeBytes + (isQuantised ? scale!.sizeBytes : 0)) / vocab
  const stored = keepRows(Math.floor(keptBytes / rowBytes), token =>
    readRow(reader, { tensor, scale: isQuantised ? scale : null, token, vocab }),
  )
  return {
    async rows(tokens) {
      const values = new Float32Array(tokens.length * hidden)
      await Promise.all(
        tokens.map(async (token, row) => values.set(floatsOfRow(await stored(token), tensor.dtype), row * hidden)),
      )
      return activationFromValues(values, hidden, dtype)
    },
    close: () => reader.close(),
  }
}

/** A row as it is stored; `scales` where it is quantised. */
interface StoredRow {
  readonly bytes: Uint8Array
  readonly scales: Uint8Array | null
}

/** Reads through at most `most` rows in memory. A row that is being read is not read twice; one that failed is read again. */
function keepRows(most: number, read: (token: number) => Promise<StoredRow>): (token: number) => Promise<StoredRow> {
  // In the order of use, the last used one at the end.
  const kept = new Map<number, Promise<StoredRow>>()
  return token => {
    const known = kept.get(token)
    const row = known ?? read(token)
    kept.delete(token)
    kept.set(token, row)
    if (known === undefined) {
      row.catch(() => {
        if (kept.get(token) === row) kept.delete(token)
      })
    }
    for (const oldest of kept.keys()) {
      if (kept.size <= most) break
      kept.delete(oldest)
    }
    return row
  }
}

interface RowRequest {
  readonly tensor: PackTensor
  readonly scale: PackTensor | null
  readonly token: number
  readonly vocab: number
}

async function readRow(reader: PartReader, { tensor, scale, token, vocab }: RowRequest): Promise<StoredRow> {
  const rowOf = async (from: PackTensor) => {
    const rowBytes = from.sizeBytes / vocab
    const bytes = await reader.read(from.offset + token * rowBytes, rowBytes)
    // A view would keep the whole of what it looks into.
    return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()
  }
  const [bytes, scales] = await Promise.all([rowOf(tensor), scale === null ? null : rowOf(scale)])
  return { bytes, scales }
}

function floatsOfRow({ bytes, scales }: StoredRow, dtype: PackTensor['dtype']): Float32Array {
  if (dtype === 'f32') return floatsOf(bytes)
  if (dtype === 'f16') return float16ToFloat32(bytes)
  const words = wordsOf(scales!)
  const values = new Float32Array(dtype === 'q8' ? bytes.length : bytes.length * 2)
  for (let i = 0; i < values.length; i++) {
    const stored = dtype === 'q8' ? bytes[i]! - 128 : ((bytes[i >> 1]! >> (4 * (i & 1))) & 15) - 8
    values[i] = stored * float16Value(words[i >> 5]!)
  }
  return values
}
