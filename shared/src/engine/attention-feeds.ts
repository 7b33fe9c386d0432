/** What a run of a slice's graph is told of its positions, for each kind of attention. It knows no caches but their capacity. */
import type { AttentionKind } from '../graph/index.ts'
import type { Runtime, RuntimeTensors } from './runtime.ts'

export interface AttentionSpan {
  /** Positions that hold before each row of the batch. */
  readonly positions: readonly number[]
  /** Of each row. */
  readonly tokens: number
  /** Positions of the caches that are fed. */
  readonly capacity: number
  /** Heads that share keys. */
  readonly group: number
}

type Tensors = Pick<Runtime, 'float32Tensor' | 'int32Tensor' | 'int64Tensor'>

/** The feeds beside `hidden` and the past, as `writeSliceGraph` names them. */
export function attentionFeeds(kind: AttentionKind, span: AttentionSpan, runtime: Tensors): RuntimeTensors {
  return kind === 'plain' ? plainFeeds(span, runtime) : fusedFeeds(span, runtime)
}

function fusedFeeds({ positions, tokens }: AttentionSpan, runtime: Tensors): RuntimeTensors {
  const lengths = positions.map(position => position + tokens)
  return {
    seqlens_k: runtime.int32Tensor(
      Int32Array.from(lengths, length => length - 1),
      [lengths.length],
    ),
    total_sequence_length: runtime.int32Tensor(Int32Array.of(Math.max(...lengths)), [1]),
  }
}

function plainFeeds({ positions, tokens, capacity, group }: AttentionSpan, runtime: Tensors): RuntimeTensors {
  const rows = positions.length
  const total = capacity + tokens
  const ids = new BigInt64Array(rows * tokens)
  const mask = new Float32Array(rows * group * tokens * total)
  for (const [row, position] of positions.entries()) {
    const first = row * group * tokens * total
    for (let token = 0; token < tokens; token++) {
      ids[row * tokens + token] = BigInt(position + token)
      // Stale positions of the past, and the new ones behind this one.
      const at = first + token * total
      mask.fill(Number.NEGATIVE_INFINITY, at + position, at + capacity)
      mask.fill(Number.NEGATIVE_INFINITY, at + capacity + token + 1, at + total)
    }
    const ofHead = tokens * total
    for (let head = 1; head < group; head++) mask.copyWithin(first + head * ofHead, first, first + ofHead)
  }
  return {
    positions: runtime.int64Tensor(ids, [rows, tokens]),
    mask: runtime.float32Tensor(mask, [rows, 1, group * tokens, total]),
    widths: runtime.int64Tensor(BigInt64Array.of(BigInt(capacity), BigInt(tokens)), [2]),
  }
}
