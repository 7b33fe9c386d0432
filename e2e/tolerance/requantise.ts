/**
 * A pack's weights in another encoding, made in memory part by part: the same model as q4, q8, f16 and f32. It knows neither disks nor
 * engines, so that a tab and a process make the very same bytes.
 */
import { layOutParts } from '@computepool/shared/engine'
import {
  decodeWeights,
  dequantiseQ4,
  dequantiseQ8,
  encodeWeights,
  type Manifest,
  type PackPart,
  type PackTensor,
  type Quantisation,
} from '@computepool/shared/model'
import type { PartSource } from '@computepool/shared/ports'

/** What an engine loads: a manifest and where its parts come from. */
export interface Weights {
  readonly manifest: Manifest
  readonly parts: PartSource
}

/** `weights` as `quantisation`; themselves where they are so already. Parts are made when first opened, and kept. */
export function requantise({ manifest, parts }: Weights, quantisation: Quantisation): Weights {
  if (manifest.quantisation === quantisation) return { manifest, parts }
  const target = layOutParts({ ...manifest, quantisation })
  const made = new Map<string, Promise<Uint8Array>>()
  return {
    manifest: target,
    parts: {
      async open(part) {
        const wanted = target.parts.find(({ name }) => name === part.name)!
        const source = manifest.parts.find(({ name }) => name === part.name)!
        const making = made.get(part.name) ?? encodePart(wanted, source, parts)
        made.set(part.name, making)
        const bytes = await making
        return {
          sizeBytes: bytes.length,
          read: async (offset, length) => bytes.slice(offset, offset + length),
          close: async () => undefined,
        }
      },
    },
  }
}

async function encodePart(target: PackPart, source: PackPart, parts: PartSource): Promise<Uint8Array> {
  const reader = await parts.open(source)
  const bytes = new Uint8Array(target.sizeBytes)
  const read = (name: string) => {
    const tensor = source.tensors.find(each => each.name === name)!
    return reader.read(tensor.offset, tensor.sizeBytes)
  }
  try {
    for (const tensor of target.tensors) {
      if (tensor.name.endsWith('.scale')) continue
      const from = source.tensors.find(({ name }) => name === tensor.name)!
      const data = await read(from.name)
      const values = decode(from, data, isBlocks(from) ? await read(`${from.name}.scale`) : null)
      const encoded = encodeWeights('F32', new Uint8Array(values.buffer), tensor.dtype, tensor.name)
      bytes.set(encoded.data, tensor.offset)
      const scale = target.tensors.find(({ name }) => name === `${tensor.name}.scale`)
      if (scale !== undefined) bytes.set(encoded.scale!, scale.offset)
    }
  } finally {
    await reader.close()
  }
  return bytes
}

function isBlocks({ dtype }: PackTensor): boolean {
  return dtype === 'q4' || dtype === 'q8'
}

function decode({ dtype }: PackTensor, data: Uint8Array, scale: Uint8Array | null): Float32Array<ArrayBuffer> {
  const values =
    dtype === 'q8'
      ? dequantiseQ8({ data, scale: scale! })
      : dtype === 'q4'
        ? dequantiseQ4({ data, scale: scale! })
        : decodeWeights(dtype === 'f16' ? 'F16' : 'F32', data)
  return Float32Array.from(values)
}
