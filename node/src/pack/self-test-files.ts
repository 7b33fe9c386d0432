/** Adds golden activations to a pack: what a tab compares its slice with before it may join. It computes none. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import {
  decodeWeights,
  encodeWeights,
  type FileRef,
  type ModelShape,
  type SelfTestGolden,
} from '@computepool/shared/model'
import { z } from 'zod'
import { parseJson } from './byte-source.ts'
import { onDisk } from './disk-errors.ts'

/** Golden activations in memory: boundary n enters layer n, the last leaves the last layer. */
export interface Goldens {
  readonly tokens: readonly number[]
  /** `layers + 1` of [tokens, hidden], row-major. */
  readonly boundaries: readonly Float32Array[]
  /** The greedy token after each position. */
  readonly argmax: readonly number[]
  /** Who computed them, e.g. "transformers 5.0 f32". */
  readonly source: string
}

const goldenFileSchema = z.looseObject({
  tokens: z.array(z.int().nonnegative()).min(1).max(4096),
  hidden: z.int().positive(),
  layers: z.int().positive(),
  logitsArgmax: z.array(z.int().nonnegative()),
  source: z.string().max(200).optional(),
})

/**
 * Reads `selftest.json` and `activations/boundary-N.f32` (raw little-endian f32) from `directory`.
 * Errors: `input_not_found`, `artifact_invalid` where they do not fit the model.
 */
export async function readGoldens(directory: string, shape: ModelShape): Promise<Goldens> {
  const path = join(directory, 'selftest.json')
  const parsed = goldenFileSchema.safeParse(parseJson(await onDisk(path, () => readFile(path)), 'selftest.json'))
  if (!parsed.success)
    throw new ComputePoolError(
      'artifact_invalid',
      `selftest.json is wrong at "${parsed.error.issues[0]!.path.join('.')}".`,
    )
  const { tokens, hidden, layers, logitsArgmax, source } = parsed.data
  if (hidden !== shape.dimensions.hidden || layers !== shape.dimensions.layers)
    throw new ComputePoolError(
      'artifact_invalid',
      `The golden activations are of ${layers} layers of ${hidden}, the model has ${shape.dimensions.layers} of ${shape.dimensions.hidden}.`,
    )
  const boundaries: Float32Array[] = []
  for (let n = 0; n <= layers; n++) {
    const file = join(directory, 'activations', `boundary-${n}.f32`)
    boundaries.push(decodeWeights('F32', await onDisk(file, () => readFile(file))))
  }
  return { tokens, boundaries, argmax: logitsArgmax, source: source ?? 'transformers f32' }
}

/**
 * Writes `selftest/boundary-N.bin` into the pack and returns the manifest's entry.
 * Errors: `artifact_invalid` (wrong sizes, values that are not finite or too large for f16), disk errors.
 */
export async function writeGoldens(
  outDir: string,
  shape: ModelShape,
  goldens: Goldens,
  dtype: 'f32' | 'f16',
): Promise<SelfTestGolden> {
  const { layers, hidden } = shape.dimensions
  const values = goldens.tokens.length * hidden
  if (goldens.boundaries.length !== layers + 1 || goldens.boundaries.some(({ length }) => length !== values))
    throw new ComputePoolError(
      'artifact_invalid',
      `Golden activations must be ${layers + 1} boundaries of ${values} values each.`,
    )
  await onDisk(outDir, () => mkdir(join(outDir, 'selftest'), { recursive: true }))
  const boundaries: FileRef[] = []
  for (const [n, boundary] of goldens.boundaries.entries()) {
    const raw = new Uint8Array(boundary.buffer, boundary.byteOffset, boundary.byteLength)
    // A golden that is no number would pass any slice or none: encoding refuses it.
    const { data } = encodeWeights('F32', raw, dtype, `selftest boundary ${n}`)
    boundaries.push(await writePackFile(outDir, `selftest/boundary-${n}.bin`, data))
  }
  const { tokens, argmax, source } = goldens
  return { tokens: [...tokens], dtype, boundaries, argmax: [...argmax], source }
}

/** Writes a small file of a pack and returns its reference. */
export async function writePackFile(outDir: string, path: string, bytes: Uint8Array): Promise<FileRef> {
  await onDisk(join(outDir, path), () => writeFile(join(outDir, path), bytes))
  return { path, sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}
