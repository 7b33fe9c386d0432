/** What holding a slice costs in bytes, from the manifest alone: downloads, weights and caches. It measures nothing. */
import { ComputePoolError } from '../errors/index.ts'
import type { LayerRange } from './layer-range.ts'
import type { Manifest, PackPart } from './manifest.ts'

/**
 * The parts that a slice needs, in the order in which a token meets them: layer 0 brings the embedding, the last layer the head.
 * Errors: `bug_unreachable_state` for a range outside the model.
 */
export function partsFor(manifest: Manifest, layers: LayerRange): PackPart[] {
  const total = manifest.dimensions.layers
  if (!(layers.start >= 0 && layers.start < layers.end && layers.end <= total))
    throw new ComputePoolError(
      'bug_unreachable_state',
      `Layers [${layers.start}, ${layers.end}) are no slice of ${total} layers.`,
    )
  const byName = new Map(manifest.parts.map(part => [part.name, part]))
  const names: string[] = []
  if (layers.start === 0) names.push('embedding')
  for (let layer = layers.start; layer < layers.end; layer++) names.push(`layer-${layer}`)
  if (layers.end === total) names.push('head')
  return names.map(name => byName.get(name)!)
}

/** Bytes of a slice's parts: what is downloaded, and about what the weights take in memory. */
export function sliceBytes(manifest: Manifest, layers: LayerRange): number {
  return partsFor(manifest, layers).reduce((sum, part) => sum + part.sizeBytes, 0)
}

/** Bytes of keys and values that one position takes in **one** layer; `dtypeBytes` is 4 for f32, 2 for f16. */
export function kvBytesPerToken(manifest: Manifest, dtypeBytes: number): number {
  return 2 * manifest.dimensions.kvHeads * manifest.dimensions.headDim * dtypeBytes
}

/** Bytes of the whole pack less its manifest: parts, tokenizer files and self-test. */
export function packBytes(manifest: Manifest): number {
  const files = [
    ...manifest.parts,
    manifest.tokenizer.tokenizer,
    manifest.tokenizer.config,
    ...(manifest.selfTest?.boundaries ?? []),
  ]
  return files.reduce((sum, file) => sum + file.sizeBytes, 0)
}
