/**
 * Which tensors each part of a pack holds, in which type and at which offset: one description that the packer writes by and the
 * manifest's door checks against. It knows shapes, not values.
 */
import type { Manifest, TensorDtype } from './manifest.ts'
import { QUANTISATION_BLOCK } from './quantise.ts'

/** What a model is, before anything is said of its files. */
export type ModelShape = Pick<
  Manifest,
  'architecture' | 'dimensions' | 'normEpsilon' | 'attentionBias' | 'qkNorm' | 'rope' | 'tiedEmbeddings'
>
export type Quantisation = Manifest['quantisation']
/** What a layout depends on. */
export type LayoutShape = Pick<Manifest, 'dimensions' | 'attentionBias' | 'qkNorm'>

/** Tensors start at multiples of this: what GPU buffers and typed arrays can map in place. */
export const TENSOR_ALIGNMENT = 64

export interface TensorSpec {
  readonly name: string
  readonly dtype: TensorDtype
  readonly shape: readonly number[]
}

/** Bytes of a tensor of this type and logical shape. */
export function tensorBytes(dtype: TensorDtype, shape: readonly number[]): number {
  const count = shape.reduce((product, size) => product * size, 1)
  const bits = { f32: 32, f16: 16, q8: 8, q4: 4 }[dtype]
  return (count * bits) / 8
}

/** Names of all parts, in the order in which a token meets them. */
export function partNames(layers: number): string[] {
  return ['embedding', ...Array.from({ length: layers }, (_, layer) => `layer-${layer}`), 'head']
}

/** The type of the big matrices, and that of embedding and head, which stay at 8 bits where layers go to 4. */
export function matrixDtypes(quantisation: Quantisation): { readonly layer: TensorDtype; readonly vocab: TensorDtype } {
  return { layer: quantisation, vocab: quantisation === 'q4' ? 'q8' : quantisation }
}

/** The tensors of a part, each quantised one followed by its scales. */
export function partTensors(shape: LayoutShape, quantisation: Quantisation, part: string): TensorSpec[] {
  const { hidden, heads, kvHeads, headDim, intermediate, vocab } = shape.dimensions
  const dtypes = matrixDtypes(quantisation)
  const vector = (name: string, length: number): TensorSpec[] => [{ name, dtype: 'f32', shape: [length] }]
  const matrix = (name: string, rows: number, columns: number, dtype: TensorDtype = dtypes.layer): TensorSpec[] => {
    const spec: TensorSpec = { name, dtype, shape: [rows, columns] }
    const isQuantised = dtype === 'q4' || dtype === 'q8'
    return isQuantised
      ? [spec, { name: `${name}.scale`, dtype: 'f16', shape: [rows, columns / QUANTISATION_BLOCK] }]
      : [spec]
  }
  if (part === 'embedding') return matrix('embedding', vocab, hidden, dtypes.vocab)
  if (part === 'head') return [...vector('norm.final', hidden), ...matrix('head', vocab, hidden, dtypes.vocab)]
  const qkv = (heads + 2 * kvHeads) * headDim
  return [
    ...vector('norm.attention', hidden),
    ...matrix('attention.qkv', qkv, hidden),
    ...(shape.attentionBias ? vector('attention.qkv.bias', qkv) : []),
    ...(shape.qkNorm ? [...vector('attention.q_norm', headDim), ...vector('attention.k_norm', headDim)] : []),
    ...matrix('attention.output', hidden, heads * headDim),
    ...vector('norm.mlp', hidden),
    ...matrix('mlp.gate_up', 2 * intermediate, hidden),
    ...matrix('mlp.down', hidden, intermediate),
  ]
}

export interface PlacedTensor extends TensorSpec {
  readonly offset: number
  readonly sizeBytes: number
}

/** Gives each tensor its aligned offset; the part ends with its last tensor. */
export function placeTensors(tensors: readonly TensorSpec[]): {
  readonly tensors: PlacedTensor[]
  readonly sizeBytes: number
} {
  let end = 0
  const placed = tensors.map(tensor => {
    const offset = Math.ceil(end / TENSOR_ALIGNMENT) * TENSOR_ALIGNMENT
    const sizeBytes = tensorBytes(tensor.dtype, tensor.shape)
    end = offset + sizeBytes
    return { ...tensor, offset, sizeBytes }
  })
  return { tensors: placed, sizeBytes: end }
}

/** Why this shape cannot be packed at this quantisation, or null where it can. */
export function quantisationObstacle(shape: LayoutShape, quantisation: Quantisation): string | null {
  if (quantisation === 'f16' || quantisation === 'f32') return null
  const { hidden, heads, headDim, intermediate } = shape.dimensions
  const inputs = { hidden, 'heads * headDim': heads * headDim, intermediate }
  for (const [name, size] of Object.entries(inputs)) {
    if (size % QUANTISATION_BLOCK !== 0)
      return `${name} is ${size}, which blocks of ${QUANTISATION_BLOCK} do not divide, so ${quantisation} has no scale for the rest`
  }
  return null
}
