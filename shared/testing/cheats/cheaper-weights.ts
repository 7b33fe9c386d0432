/** Cheats that load less than they promised: a layer less, coarser weights, a smaller model. They open real slices of other packs. */

import { expandWeights } from '../../src/engine/expand-weights.ts'
import { bytesOf, layOutParts } from '../../src/engine/index.ts'
import {
  encodeWeights,
  float16ToFloat32,
  type Manifest,
  type PackPart,
  type PackTensor,
  type Quantisation,
} from '../../src/model/index.ts'
import type { Engine, OpenEngine, PartReader, PartSource, SliceRequest } from '../../src/ports/index.ts'
import type { RandomPack } from '../random-pack.ts'
import { chainEngines } from './wrap-engine.ts'

/** The slice without `layer`. Errors: a RangeError where nothing would be left to take the input, or to draw. */
export async function openWithoutLayer(open: OpenEngine, slice: SliceRequest, layer: number): Promise<Engine> {
  const { start, end } = slice.layers
  const { layers } = slice.manifest.dimensions
  const isNeeded = (layer === 0 && start === 0) || (layer === layers - 1 && end === layers)
  if (layer < start || layer >= end || end - start < 2 || isNeeded)
    throw new RangeError(`layer ${layer} cannot be left out of [${start}, ${end})`)
  const part = (from: number, to: number) => open({ ...slice, layers: { start: from, end: to } })
  if (layer === start) return { ...(await part(start + 1, end)), layers: slice.layers }
  if (layer === end - 1) return { ...(await part(start, end - 1)), layers: slice.layers }
  return chainEngines(await part(start, layer), await part(layer + 1, end), slice.layers)
}

/** The same model in fewer bits. */
export function coarserPack(pack: RandomPack, quantisation: Quantisation): RandomPack {
  return rewritePack(pack, { ...pack.manifest, quantisation }, values => values)
}

/** The same model with only the first `intermediate` of its inner units, a multiple of 32: less than it promised, of the same width. */
export function prunedPack(pack: RandomPack, intermediate: number): RandomPack {
  const { dimensions } = pack.manifest
  return rewritePack(
    pack,
    { ...pack.manifest, dimensions: { ...dimensions, intermediate } },
    (values, { name, shape }) => {
      if (name === 'mlp.gate_up') {
        const [rows, columns] = [shape[0]! / 2, shape[1]!]
        const gate = values.subarray(0, intermediate * columns)
        const up = values.subarray(rows * columns, (rows + intermediate) * columns)
        return Float32Array.from([...gate, ...up])
      }
      if (name !== 'mlp.down') return values
      const columns = shape[1]!
      return values.filter((_, i) => i % columns < intermediate)
    },
  )
}

type Rewrite = (values: Float32Array, tensor: PackTensor) => Float32Array

/** `pack` as `manifest` lays it out, each tensor read, rewritten and encoded again. */
function rewritePack(pack: RandomPack, manifest: Manifest, rewrite: Rewrite): RandomPack {
  const laidOut = layOutParts(manifest)
  const parts: PartSource = {
    async open(part) {
      const source = pack.manifest.parts.find(({ name }) => name === part.name)!
      const reader = await pack.parts.open(source)
      const bytes = new Uint8Array(part.sizeBytes)
      for (const tensor of part.tensors) {
        if (tensor.name.endsWith('.scale')) continue
        const original = source.tensors.find(({ name }) => name === tensor.name)!
        const values = rewrite(await valuesOf(reader, source, original), original)
        const { data, scale } = encodeWeights('F32', bytesOf(values), tensor.dtype, tensor.name)
        bytes.set(data, tensor.offset)
        const scales = part.tensors.find(({ name }) => name === `${tensor.name}.scale`)
        if (scale !== null && scales !== undefined) bytes.set(scale, scales.offset)
      }
      await reader.close()
      return {
        sizeBytes: part.sizeBytes,
        read: async (offset, length) => bytes.slice(offset, offset + length),
        close: async () => undefined,
      }
    },
  }
  return { manifest: laidOut, parts }
}

async function valuesOf(reader: PartReader, part: PackPart, tensor: PackTensor): Promise<Float32Array> {
  const data = await reader.read(tensor.offset, tensor.sizeBytes)
  if (tensor.dtype === 'f32') return new Float32Array(new Uint8Array(data).buffer)
  if (tensor.dtype === 'f16') return float16ToFloat32(data)
  const scale = part.tensors.find(({ name }) => name === `${tensor.name}.scale`)!
  return expandWeights({
    dtype: tensor.dtype,
    data,
    scales: await reader.read(scale.offset, scale.sizeBytes),
  })
}
