/**
 * Rows of the embedding, read from its part as tokens ask for them: a table of 150,000 rows costs no device memory, and a step
 * needs a few rows of it. It knows the pack's layout, no session.
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

/** Opens the manifest's embedding. Errors: `artifact_invalid` where the part is not as the format says. */
export async function openEmbedding(
  manifest: Manifest,
  parts: PartSource,
  dtype: ActivationDtype,
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
  return {
    async rows(tokens) {
      const values = new Float32Array(tokens.length * hidden)
      await Promise.all(
        tokens.map(async (token, row) =>
          values.set(await readRow(reader, { tensor, scale, token, vocab }), row * hidden),
        ),
      )
      return activationFromValues(values, hidden, dtype)
    },
    close: () => reader.close(),
  }
}

interface RowRequest {
  readonly tensor: PackTensor
  readonly scale: PackTensor | null
  readonly token: number
  readonly vocab: number
}

async function readRow(reader: PartReader, { tensor, scale, token, vocab }: RowRequest): Promise<Float32Array> {
  const rowOf = async (from: PackTensor) => {
    const rowBytes = from.sizeBytes / vocab
    return reader.read(from.offset + token * rowBytes, rowBytes)
  }
  const bytes = await rowOf(tensor)
  if (tensor.dtype === 'f32') return floatsOf(bytes)
  if (tensor.dtype === 'f16') return float16ToFloat32(bytes)
  const scales = wordsOf(await rowOf(scale!))
  const values = new Float32Array(tensor.dtype === 'q8' ? bytes.length : bytes.length * 2)
  for (let i = 0; i < values.length; i++) {
    const stored = tensor.dtype === 'q8' ? bytes[i]! - 128 : ((bytes[i >> 1]! >> (4 * (i & 1))) & 15) - 8
    values[i] = stored * float16Value(scales[i >> 5]!)
  }
  return values
}
