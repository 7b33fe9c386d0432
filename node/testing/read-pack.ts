/** Reads a pack's tensors back as plain numbers: the oracle of packing tests. It trusts the manifest and checks the digest. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeWeights, dequantiseQ4, dequantiseQ8, type Manifest, parseManifest } from '@computepool/shared/model'

export interface ReadPack {
  readonly manifest: Manifest
  /** Every tensor but the scales, by "part/tensor", dequantised. */
  readonly tensors: ReadonlyMap<string, Float32Array>
  /** SHA-256 of every file, manifest included. */
  readonly digests: ReadonlyMap<string, string>
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

export async function readPack(directory: string): Promise<ReadPack> {
  const manifestBytes = await readFile(join(directory, 'manifest.json'))
  const manifest = parseManifest(JSON.parse(manifestBytes.toString()))
  const digests = new Map([['manifest.json', sha256(manifestBytes)]])
  const tensors = new Map<string, Float32Array>()
  for (const part of manifest.parts) {
    const bytes = await readFile(join(directory, part.path))
    digests.set(part.path, sha256(bytes))
    if (bytes.length !== part.sizeBytes || sha256(bytes) !== part.sha256)
      throw new Error(`${part.path} is not what the manifest says`)
    const raw = new Map(
      part.tensors.map(tensor => [
        tensor.name,
        new Uint8Array(bytes.subarray(tensor.offset, tensor.offset + tensor.sizeBytes)),
      ]),
    )
    for (const { name, dtype } of part.tensors) {
      if (name.endsWith('.scale')) continue
      const data = raw.get(name)!
      const scale = raw.get(`${name}.scale`)!
      const values =
        dtype === 'q8'
          ? dequantiseQ8({ data, scale })
          : dtype === 'q4'
            ? dequantiseQ4({ data, scale })
            : decodeWeights(dtype === 'f16' ? 'F16' : 'F32', data)
      // A negative scale makes -0 of a zero; the two are one number.
      tensors.set(
        `${part.name}/${name}`,
        values.map(value => value + 0),
      )
    }
  }
  for (const file of [
    manifest.tokenizer.tokenizer,
    manifest.tokenizer.config,
    ...(manifest.selfTest?.boundaries ?? []),
  ]) {
    const bytes = await readFile(join(directory, file.path))
    if (bytes.length !== file.sizeBytes || sha256(bytes) !== file.sha256)
      throw new Error(`${file.path} is not what the manifest says`)
    digests.set(file.path, file.sha256)
  }
  return { manifest, tensors, digests }
}

/** Where two arrays first differ; -1 where they are equal. Far faster on a hundred thousand values than a deep comparison. */
export function firstDifference(found: Float32Array | undefined, expected: Float32Array): number {
  if (found?.length !== expected.length) return Math.min(found?.length ?? 0, expected.length)
  return found.findIndex((value, i) => value !== expected[i])
}
