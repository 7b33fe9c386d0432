/**
 * One slice's work on one way: rows in, rows out, and the head's logits where the slice ends the model. It runs in a process and in a
 * tab alike, over whichever engine its host opens.
 */
import {
  activationFromValues,
  activationRows,
  activationValues,
  type ExitHead,
  type Runtime,
} from '@computepool/shared/engine'
import type { LayerRange, Manifest } from '@computepool/shared/model'
import type { Activation, Engine, EngineFacts, SliceRequest } from '@computepool/shared/ports'
import type { Weights } from './requantise.ts'
import { plannedChunks, type Way } from './ways.ts'

/** What enters the slice: token ids at layer 0, f32 values [positions, hidden] elsewhere. */
export type SliceInput = { readonly tokens: readonly number[] } | { readonly values: Float32Array }

export interface Job {
  readonly weights: Weights
  readonly layers: LayerRange
  readonly input: SliceInput
  readonly way: Way
}

export interface Outcome {
  /** [positions, hidden] */
  readonly boundary: Float32Array
  /** [positions, vocab]; null where the slice does not end the model. */
  readonly logits: Float32Array | null
  readonly facts: EngineFacts
}

/** What opens engines and heads. */
export interface WorkHost {
  openEngine(slice: SliceRequest, way: Way): Promise<Engine>
  openHead(slice: SliceRequest, way: Way): Promise<{ readonly head: ExitHead; readonly runtime: Runtime }>
}

/** Does the work and closes what it opened. Errors: the engine's. */
export async function doWork(job: Job, host: WorkHost): Promise<Outcome> {
  const { manifest, parts } = job.weights
  const slice = (of: Manifest): SliceRequest => ({
    manifest: of,
    parts,
    layers: job.layers,
    kvBudgetBytes: 2 ** 31,
    maxContext: Math.min(manifest.dimensions.context, 1024),
  })
  const isExit = job.layers.end === manifest.dimensions.layers
  // An exit gives out tokens alone; as the middle of a model one layer deeper, its last layer gives out its boundary.
  const deeper = { ...manifest, dimensions: { ...manifest.dimensions, layers: manifest.dimensions.layers + 1 } }
  const engine = await host.openEngine(slice(isExit ? deeper : manifest), job.way)
  try {
    const boundary = await runSlice(engine, job)
    const logits = isExit ? await runHead(boundary, job, await host.openHead(slice(manifest), job.way)) : null
    return { boundary: activationValues(boundary), logits, facts: engine.facts }
  } finally {
    await engine.close()
  }
}

const requestId = 'work'

async function runSlice(engine: Engine, job: Job): Promise<Activation> {
  const { hidden } = job.weights.manifest.dimensions
  const { input, way } = job
  const whole = 'values' in input ? activationFromValues(input.values, hidden, 'f32') : null
  const positions = 'values' in input ? input.values.length / hidden : input.tokens.length
  const rows = (from: number, to: number) =>
    whole === null
      ? { tokens: (input as { tokens: readonly number[] }).tokens.slice(from, to) }
      : { activation: activationRows(whole, from, to) }
  // Others' rows come from other places of the same text: what they hold does not matter, that they share the run does.
  const others = (position: number) =>
    Array.from({ length: (way.together ?? 1) - 1 }, (_, i) => {
      const from = (position + 17 * (i + 1)) % positions
      return { requestId: `other-${i}`, position, input: rows(from, from + 1), sample: null }
    })
  const bytes = new Uint8Array(positions * hidden * (engine.facts.activationDtype === 'f32' ? 4 : 2))
  for (const { position, tokens } of plannedChunks(way.steps, positions, engine.facts.maxChunk)) {
    const own = { requestId, position, input: rows(position, position + tokens), sample: null }
    const [output] = await engine.run([own, ...others(position)])
    if (output?.kind !== 'activation') throw new Error(`a slice gave ${output?.kind}, not an activation`)
    bytes.set(output.activation.data, position * (bytes.length / positions))
  }
  return { dtype: engine.facts.activationDtype, tokens: positions, hidden, data: bytes }
}

async function runHead(
  boundary: Activation,
  job: Job,
  { head, runtime }: { readonly head: ExitHead; readonly runtime: Runtime },
): Promise<Float32Array> {
  const { vocab } = job.weights.manifest.dimensions
  const logits = new Float32Array(boundary.tokens * vocab)
  // A step's head sees one row; the rows of a draft, and of requests that share a step, are eight at most.
  const size = typeof job.way.steps === 'number' ? Math.min(8, job.way.steps) : 1
  try {
    for (let first = 0; first < boundary.tokens; first += size) {
      const count = Math.min(size, boundary.tokens - first)
      const { data, hidden } = activationRows(boundary, first, first + count)
      const tensor = await head.logits(runtime.floatTensor(data.slice(), [1, count, hidden]), { first: 0, count })
      logits.set((await tensor.getData(true)) as Float32Array, first * vocab)
      tensor.dispose()
    }
  } finally {
    await head.close()
  }
  return logits
}
