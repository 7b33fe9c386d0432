/** A matrix product with a pack's weight, in whichever type the pack holds it. */
import type { Manifest, TensorDtype } from '../model/index.ts'
import type { ElementType, GraphBuilder } from './graph-builder.ts'

/** Floats that a slice computes in. */
export type FloatType = 'f32' | 'f16'

export interface MatrixProduct {
  /** [rows, inputs] for a plain weight, [1, rows, inputs] or [rows, inputs] for a quantised one. */
  readonly input: string
  readonly output: string
  readonly inputs: number
  readonly outputs: number
  /** Name of the weight among the session's external tensors. */
  readonly weight: string
  readonly dtype: TensorDtype
  readonly float: FloatType
}

/** The element type that a pack's tensor has in the session, where floats are `float`: scales and plain weights follow it. */
export function sessionType(dtype: TensorDtype, float: FloatType): ElementType {
  return dtype === 'q4' || dtype === 'q8' ? 'u8' : float
}

/**
 * output = input * transpose(weight). Quantised weights are MatMulNBits of block 32 with its default zero points (8 and 128);
 * accuracy_level 0, since 4 quantises activations on some engines and makes them disagree in the third digit.
 */
export function matrixProduct(graph: GraphBuilder, product: MatrixProduct): string {
  const { input, output, inputs, outputs, weight, dtype, float } = product
  if (dtype === 'q4' || dtype === 'q8') {
    const bits = dtype === 'q4' ? 4 : 8
    const blocks = inputs / 32
    const packed = graph.weight(weight, 'u8', [outputs, blocks, 4 * bits])
    const scales = graph.weight(`${weight}.scale`, float, [outputs, blocks])
    return graph.node('MatMulNBits', [input, packed, scales], [output], {
      domain: 'com.microsoft',
      attributes: { K: inputs, N: outputs, bits, block_size: 32, accuracy_level: 0 },
    })
  }
  // Gemm takes the weight as the pack has it, [outputs, inputs]; MatMul would need a transposed copy.
  const plain = graph.weight(weight, float, [outputs, inputs])
  const rows = graph.node('Reshape', [input, graph.constant(`${output}.rows`, 'i64', [-1, inputs])], [`${output}.in`])
  const flat = graph.node('Gemm', [rows, plain], [`${output}.flat`], { attributes: { transB: 1 } })
  return graph.node('Reshape', [flat, graph.constant(`${output}.shape`, 'i64', [1, -1, outputs])], [output])
}

/**
 * Type in which a session holds `tensor` of part `part`. Packs may keep vocabulary-sized tensors in another type than layers; types
 * in `expanded` are given to the session as plain floats, for a runtime whose MatMulNBits is slower than a plain product.
 */
export function tensorDtype(
  manifest: Manifest,
  part: string,
  tensor: string,
  expanded: readonly TensorDtype[] = [],
): TensorDtype {
  const found = manifest.parts.find(({ name }) => name === part)?.tensors.find(({ name }) => name === tensor)
  if (found === undefined) throw new RangeError(`part ${part} of ${manifest.model} holds no tensor ${tensor}`)
  // Any plain type will do: the session holds plain weights in its own float type.
  return expanded.includes(found.dtype) ? 'f32' : found.dtype
}

/** The name under which a session is given tensor `tensor` of part `part`. */
export function weightName(part: string, tensor: string): string {
  return `${part}.${tensor}`
}
