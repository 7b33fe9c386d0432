/** A slice's output in a runtime's tensor, read back or scored by the head. It knows no caches. */
import type { Manifest } from '../model/index.ts'
import { activationRows, joinActivations } from './convert-activation.ts'
import type { ExitHead } from './exit-head.ts'
import { bytesOf } from './float-formats.ts'
import type { Runtime, RuntimeTensor } from './runtime.ts'
import type { Boundary } from './slice-backend.ts'

export interface RuntimeBoundaryInput {
  /** [1, positions, hidden] */
  readonly tensor: RuntimeTensor
  readonly head: ExitHead | null
  readonly runtime: Runtime
  readonly dimensions: Manifest['dimensions']
  /** Of several requests' rows: which of the tensor's positions each is; the head then runs once for all. Else null. */
  readonly places: readonly number[] | null
}

export function openRuntimeBoundary({ tensor, head, runtime, dimensions, places }: RuntimeBoundaryInput): Boundary {
  const { hidden, vocab } = dimensions
  const positions = tensor.dims[1]!
  let held: { readonly index: number; readonly logits: RuntimeTensor } | null = null
  /** [positions, vocab] */
  let all: Promise<Float32Array> | null = null

  async function runHead(): Promise<Float32Array> {
    const logits = await head!.logits(tensor, { first: 0, count: positions })
    return (await logits.getData(true)) as Float32Array
  }

  async function logitsAt(index: number): Promise<RuntimeTensor> {
    if (held?.index === index) return held.logits
    held?.logits.dispose()
    held = null
    if (places === null) held = { index, logits: await head!.logits(tensor, { first: index, count: 1 }) }
    else {
      all ??= runHead()
      const at = places[index]! * vocab
      held = { index, logits: runtime.float32Tensor((await all).subarray(at, at + vocab), [1, vocab]) }
    }
    return held.logits
  }

  return {
    async read() {
      held?.logits.dispose()
      held = null
      const data = bytesOf((await tensor.getData(true)) as ArrayBufferView)
      const whole = { dtype: runtime.float, tokens: positions, hidden, data }
      return places === null ? whole : joinActivations(places.map(place => activationRows(whole, place, place + 1)))
    },
    score: async (query, index) => head!.score(await logitsAt(index), query),
    readLogits: async index => (await (await logitsAt(index)).getData()) as Float32Array,
    async argmaxFrom(index) {
      const logits = await head!.logits(tensor, { first: index, count: positions - index })
      try {
        return await head!.argmax(logits)
      } finally {
        logits.dispose()
      }
    },
    discard() {
      tensor.dispose()
      held?.logits.dispose()
    },
  }
}
