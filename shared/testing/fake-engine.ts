/**
 * An engine of integer arithmetic behind the real bookkeeping: each layer mixes its number, the position and all earlier inputs into
 * what it passes on, so that a skipped, repeated or swapped layer, or a lost, doubled or reordered position, changes every token
 * after it. It needs no weights; two fakes of one manifest agree bit for bit.
 */
import { type Boundary, createSliceEngine, floatsOf, joinActivations, type SliceBackend } from '../src/engine/index.ts'
import { ComputePoolError } from '../src/errors/index.ts'
import type { Activation, Engine, EngineFacts, EngineRow, SliceRequest } from '../src/ports/index.ts'
import { argmax, scoresFromLogits } from '../src/sampler/index.ts'

/** A prime below 2^16: products of two residues stay exact in f64, residues exact in f32. */
const modulus = 65521

export interface FakeEngineOptions {
  readonly maxChunk?: number
  /** 8 unless told otherwise. */
  readonly maxRows?: number
  /** The token that the exit draws greedily for `position` (of the drawn token); null leaves it to the arithmetic. */
  readonly script?: (position: number) => number | null
  /** Awaited before each step: a test's hook to hold, count or fail one. */
  readonly beforeStep?: (rows: readonly EngineRow[]) => Promise<void> | void
}

export interface FakeEngine extends Engine {
  /** Steps that ran to their end. */
  readonly steps: () => number
  /** Loses the device: `lost` settles and every later run rejects. */
  loseDevice(): void
}

/** [layer][position]: the running digest [hidden] that a layer keeps of all inputs up to there. */
type FakeCache = Float64Array[][]

/** A loaded fake slice; reads no parts. */
export function openFakeEngine(
  slice: Pick<SliceRequest, 'manifest' | 'layers'> & Partial<SliceRequest>,
  options: FakeEngineOptions = {},
): FakeEngine {
  const { dimensions } = slice.manifest
  const { hidden, vocab } = dimensions
  const { start, end } = slice.layers
  let loseWith: (error: ComputePoolError) => void = () => undefined
  const lost = new Promise<ComputePoolError>(resolve => {
    loseWith = resolve
  })
  const facts: EngineFacts = {
    kind: 'native',
    device: 'fake arithmetic',
    isSoftware: true,
    activationDtype: 'f32',
    maxChunk: options.maxChunk ?? 32,
    maxRows: options.maxRows ?? 8,
  }
  const cacheBytesPerPosition = (end - start) * 2 * dimensions.kvHeads * dimensions.headDim * 4

  const backend: SliceBackend<FakeCache> = {
    batch: {
      groups: caches => [caches.map((_, i) => i)],
      async forward(steps) {
        const boundaries: Boundary[] = []
        for (const step of steps) boundaries.push(await backend.forward(step))
        return joinedBoundary(boundaries)
      },
    },
    facts,
    weightsBytes: 0,
    capacityFor: positions => positions,
    cacheBytes: capacity => capacity * cacheBytesPerPosition,
    allocate: async () => Array.from({ length: end - start }, () => []),
    resize: async cache => cache,
    release: () => undefined,
    embed: async tokens => {
      const values = new Float32Array(tokens.length * hidden)
      tokens.forEach((token, row) => {
        for (let i = 0; i < hidden; i++) values[row * hidden + i] = ((token + 1) * (i + 7) + i * i) % modulus
      })
      return fakeActivation(values, hidden)
    },
    async forward({ cache, position, input }) {
      const values = Float64Array.from(floatsOf(input.data))
      for (let layer = start; layer < end; layer++) {
        const digests = cache[layer - start]!
        digests.length = position
        for (let row = 0; row < input.tokens; row++) {
          const before = digests[position + row - 1]
          const digest = new Float64Array(hidden)
          for (let i = 0; i < hidden; i++) {
            const value = values[row * hidden + i]!
            digest[i] = ((before?.[i] ?? layer + 1) * 31 + value + position + row + 1) % modulus
            values[row * hidden + i] = (digest[i]! * (2 * layer + 3) + (layer + 1) * 17) % modulus
          }
          digests.push(digest)
        }
      }
      return fakeBoundary(Float32Array.from(values), position)
    },
    boundaryOf: (rows, position) => fakeBoundary(floatsOf(rows.data), position),
    lost,
    close: async () => undefined,
  }

  function fakeBoundary(values: Float32Array, position: number): Boundary {
    const logits = (index: number) => {
      let digest = 0
      for (const value of values.subarray(index * hidden, (index + 1) * hidden))
        digest = (digest * 31 + value) % modulus
      const scores = Float32Array.from({ length: vocab }, (_, token) => {
        return (((digest + 1) * (token + 11) + token * token) % modulus) / 4096
      })
      const scripted = options.script?.(position + index + 1) ?? null
      if (scripted !== null) scores[scripted] = 1000
      return scores
    }
    return {
      read: async () => fakeActivation(values, hidden),
      score: async (query, index) => scoresFromLogits(logits(index), query),
      readLogits: async index => logits(index),
      argmaxFrom: async index =>
        Array.from({ length: values.length / hidden - index }, (_, i) => argmax(logits(index + i))),
      discard: () => undefined,
    }
  }

  const engine = createSliceEngine(
    {
      manifest: slice.manifest,
      layers: slice.layers,
      parts: slice.parts ?? noParts,
      kvBudgetBytes: slice.kvBudgetBytes ?? 2 ** 30,
      maxContext: slice.maxContext ?? dimensions.context,
    },
    backend,
  )
  let steps = 0
  return {
    ...engine,
    async run(rows) {
      await options.beforeStep?.(rows)
      const outputs = await engine.run(rows)
      steps += 1
      return outputs
    },
    steps: () => steps,
    loseDevice: () => loseWith(new ComputePoolError('engine_device_lost', 'The fake device was lost.')),
  }
}

/** Boundaries of one position each as one: a script still sees each by its own position. */
function joinedBoundary(boundaries: readonly Boundary[]): Boundary {
  return {
    async read() {
      const pieces: Activation[] = []
      for (const boundary of boundaries) pieces.push(await boundary.read())
      return joinActivations(pieces)
    },
    score: (query, index) => boundaries[index]!.score(query, 0),
    readLogits: index => boundaries[index]!.readLogits(0),
    argmaxFrom: async index => (await Promise.all(boundaries.slice(index).map(each => each.argmaxFrom(0)))).flat(),
    discard: () => undefined,
  }
}

function fakeActivation(values: Float32Array, hidden: number): Activation {
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  return { dtype: 'f32', tokens: values.length / hidden, hidden, data }
}

const noParts: SliceRequest['parts'] = {
  open: async part => {
    throw new ComputePoolError('bug_unreachable_state', `The fake engine reads no parts, but ${part.name} was opened.`)
  },
}
