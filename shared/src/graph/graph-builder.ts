/**
 * Writes an ONNX model node by node (field numbers: onnx.proto of ONNX 1.16). Weights are named, typed and shaped here, and live
 * outside the model as external data. It knows no architecture.
 */
import { MessageWriter } from './protobuf.ts'

/** TensorProto.DataType. */
const elementTypes = { f32: 1, u8: 2, i32: 6, i64: 7, f16: 10 } as const
export type ElementType = keyof typeof elementTypes
/** A number, or the name of a size that a run decides. */
export type Dimension = number | string
/** An integer attribute, or several; `{ float }` for a real one. */
export type AttributeValue = number | readonly number[] | { readonly float: number }

/** A weight that the graph refers to: the session is given bytes of this type and shape under `location`. */
export interface ExternalTensor {
  readonly location: string
  readonly type: ElementType
  readonly shape: readonly number[]
}

export interface NodeOptions {
  readonly domain?: 'com.microsoft'
  readonly attributes?: Readonly<Record<string, AttributeValue>>
}

export class GraphBuilder {
  readonly #graph = new MessageWriter()
  readonly #external = new Map<string, ExternalTensor>()
  #nodes = 0

  input(name: string, type: ElementType, shape: readonly Dimension[]): string {
    this.#graph.message(11, valueInfo(name, type, shape))
    return name
  }

  output(name: string, type: ElementType, shape: readonly Dimension[]): void {
    this.#graph.message(12, valueInfo(name, type, shape))
  }

  /** A small constant inside the model. */
  constant(
    name: string,
    type: 'f32' | 'i64' | 'i32',
    values: readonly number[],
    shape: readonly number[] = [values.length],
  ): string {
    const typed =
      type === 'f32'
        ? Float32Array.from(values)
        : type === 'i32'
          ? Int32Array.from(values)
          : BigInt64Array.from(values, value => BigInt(value))
    const tensor = tensorHead(name, type, shape).bytes(9, new Uint8Array(typed.buffer))
    this.#graph.message(5, tensor)
    return name
  }

  /** A weight: its bytes are given to the session as external data under its name. */
  weight(name: string, type: ElementType, shape: readonly number[]): string {
    if (this.#external.has(name)) return name
    const byteLength = shape.reduce((product, size) => product * size, 1) * elementBytes(type)
    const tensor = tensorHead(name, type, shape)
    const entries = { location: name, offset: '0', length: String(byteLength) }
    for (const [key, value] of Object.entries(entries))
      tensor.message(13, new MessageWriter().text(1, key).text(2, value))
    this.#graph.message(5, tensor.integer(14, 1))
    this.#external.set(name, { location: name, type, shape })
    return name
  }

  /** Adds a node; an empty input name is an absent optional input. Returns the first output. */
  node(operator: string, inputs: readonly string[], outputs: readonly string[], options: NodeOptions = {}): string {
    const node = new MessageWriter()
    for (const input of inputs) node.text(1, input)
    for (const output of outputs) node.text(2, output)
    node.text(3, `${operator}_${this.#nodes++}`).text(4, operator)
    for (const [name, value] of Object.entries(options.attributes ?? {})) {
      node.message(5, writeAttribute(name, value))
    }
    if (options.domain !== undefined) node.text(7, options.domain)
    this.#graph.message(1, node)
    return outputs[0]!
  }

  /** The model's bytes, and the weights that a session over it must be given. */
  finish(name: string): { readonly model: Uint8Array; readonly external: readonly ExternalTensor[] } {
    const model = new MessageWriter()
      .integer(1, 10)
      .text(2, 'computepool')
      .message(7, this.#graph.text(2, name))
      .message(8, new MessageWriter().text(1, '').integer(2, 21))
      .message(8, new MessageWriter().text(1, 'com.microsoft').integer(2, 1))
    return { model: model.finish(), external: [...this.#external.values()] }
  }
}

export function elementBytes(type: ElementType): number {
  return { f32: 4, u8: 1, i32: 4, i64: 8, f16: 2 }[type]
}

function writeAttribute(name: string, value: AttributeValue): MessageWriter {
  const attribute = new MessageWriter().text(1, name)
  if (typeof value === 'number') return attribute.integer(3, value).integer(20, 2)
  if ('float' in value) return attribute.float(2, value.float).integer(20, 1)
  for (const each of value) attribute.integer(8, each)
  return attribute.integer(20, 7)
}

function tensorHead(name: string, type: ElementType, shape: readonly number[]): MessageWriter {
  const tensor = new MessageWriter()
  for (const size of shape) tensor.integer(1, size)
  return tensor.integer(2, elementTypes[type]).text(8, name)
}

function valueInfo(name: string, type: ElementType, shape: readonly Dimension[]): MessageWriter {
  const dimensions = new MessageWriter()
  for (const size of shape) {
    const dimension = new MessageWriter()
    dimensions.message(1, typeof size === 'number' ? dimension.integer(1, size) : dimension.text(2, size))
  }
  const tensor = new MessageWriter().integer(1, elementTypes[type]).message(2, dimensions)
  return new MessageWriter().text(1, name).message(2, new MessageWriter().message(1, tensor))
}
