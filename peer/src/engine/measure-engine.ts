/** How fast an engine runs one layer and the head of a model's shape here, by random weights; it chooses nothing. */
import { activationFromValues, layOutParts, randomParts } from '@computepool/shared/engine'
import type { LayerRange, Manifest } from '@computepool/shared/model'
import { greedy } from '@computepool/shared/pipeline'
import type { Engine, SliceRequest } from '@computepool/shared/ports'

export interface Measurement {
  readonly msPerLayer: number
  readonly headMs: number
  readonly engine: Engine['facts']
}

export interface MeasureOptions {
  readonly signal: AbortSignal
  /** Milliseconds, monotonic. */
  readonly now: () => number
}

/** Steps that compile shaders and fill caches, then steps that count. */
const warmSteps = 2
const countedSteps = 7
/** Counting stops early on an engine so slow that the answer is plain. */
const budgetMs = 1500
/** A head is measured over at most so many tokens of the vocabulary, and scaled up. */
const headVocab = 8192
/** Cached positions at which a step is measured begin here: a short prompt. */
const context = 64

/** Decode steps of one position. Errors: the engine's own; the signal's reason. */
export async function measureEngine(
  open: (slice: SliceRequest) => Promise<Engine>,
  manifest: Manifest,
  { signal, now }: MeasureOptions,
): Promise<Measurement> {
  const vocab = Math.min(headVocab, manifest.dimensions.vocab)
  const shape = layOutParts({ ...manifest, dimensions: { ...manifest.dimensions, layers: 5, vocab, context } })
  const measure = async (layers: LayerRange) => {
    signal.throwIfAborted()
    const engine = await open({
      manifest: shape,
      layers,
      parts: randomParts(),
      kvBudgetBytes: 2 ** 31,
      maxContext: context,
    })
    try {
      return { ms: await medianStep(engine, shape, { signal, now }), facts: engine.facts }
    } finally {
      await engine.close()
    }
  }
  const one = await measure({ start: 1, end: 2 })
  const three = await measure({ start: 1, end: 4 })
  const exit = await measure({ start: 4, end: 5 })
  // The difference leaves out what a step costs whatever it holds; noise must make neither a layer nor a head free.
  const msPerLayer = Math.max((three.ms - one.ms) / 2, three.ms / 12)
  const headMs = Math.max(exit.ms - one.ms, exit.ms / 12) * (manifest.dimensions.vocab / vocab)
  return { msPerLayer, headMs, engine: one.facts }
}

async function medianStep(engine: Engine, manifest: Manifest, { signal, now }: MeasureOptions): Promise<number> {
  const { hidden, layers } = manifest.dimensions
  const values = Float32Array.from({ length: hidden }, (_, i) => Math.sin(i + 1))
  const activation = activationFromValues(values, hidden, engine.facts.activationDtype)
  const sample = engine.layers.end === layers ? { params: greedy, generated: [], prompt: [] } : null
  const times: number[] = []
  const started = now()
  for (let position = 0; position < warmSteps + countedSteps; position++) {
    signal.throwIfAborted()
    const before = now()
    await engine.run([{ requestId: 'probe', position, input: { activation }, sample }])
    const after = now()
    if (position >= warmSteps) times.push(after - before)
    if (times.length > 0 && after - started > budgetMs) break
  }
  times.sort((a, b) => a - b)
  return times[times.length >> 1]!
}
