/**
 * What a measured layer and head mean for a whole model on a GPU: tokens a second in one tab, and how much of the memory's
 * bandwidth that is, since a decode step is bound by reading every weight once. Arithmetic only; it measures nothing.
 */

import type { Measurement } from '@computepool/peer/engine/measure-engine.ts'
import { layOutParts } from '@computepool/shared/engine'
import type { Manifest } from '@computepool/shared/model'
import type { RandomPackOptions } from '@computepool/shared/testing'
import { type BenchRow, benchRow } from './bench-report.ts'

/** Qwen3-4B, from its published config.json; random weights. */
export const qwen4bShape: RandomPackOptions = {
  architecture: 'qwen3',
  quantisation: 'q4',
  dimensions: {
    layers: 36,
    hidden: 2560,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    intermediate: 9728,
    vocab: 151_936,
    context: 4096,
  },
}

/** Bytes of weights that one decode step reads: all layers and the head; of the embedding only one row. */
export function weightBytesPerToken(manifest: Manifest): number {
  return layOutParts(manifest)
    .parts.filter(part => part.name !== 'embedding')
    .reduce((sum, part) => sum + part.sizeBytes, 0)
}

/** `bandwidthGBps` is the card's published figure, which no browser tells; null leaves the share out. */
export function gpuRows(
  manifest: Manifest,
  measurements: readonly Measurement[],
  bandwidthGBps: number | null,
): BenchRow[] {
  const { layers } = manifest.dimensions
  const tokenMs = measurements.map(({ msPerLayer, headMs }) => layers * msPerLayer + headMs)
  const gigabytes = weightBytesPerToken(manifest) / 1e9
  const readGBps = tokenMs.map(ms => gigabytes / (ms / 1000))
  const { device, activationDtype } = measurements[0]!.engine
  const name = `webgpu on ${device}, ${activationDtype}, Qwen3-4B’s shape, q4`
  const rows = [
    benchRow(
      `${name}: one tab`,
      'tokens/s',
      tokenMs.map(ms => 1000 / ms),
    ),
    benchRow(`${name}: weights read`, 'GB/s', readGBps),
  ]
  if (bandwidthGBps === null) return rows
  const share = readGBps.map(read => read / bandwidthGBps)
  return [...rows, benchRow(`${name}: of the memory’s ${bandwidthGBps} GB/s`, 'ratio', share)]
}
