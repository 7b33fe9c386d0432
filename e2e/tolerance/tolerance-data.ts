/**
 * What `figures.json` says; JSON has no room for words, so they stand here. `shared/src/audit/tolerance.json`, which audits read, follows
 * from it (`tolerance-table.ts`).
 *
 * - `rule`: how thresholds follow from figures (`derive-thresholds.ts`).
 * - `runs`: on which day and device the figures were taken, and how many comparisons of rows went in.
 * - `entries`: honest work against honest work, every two ways of it: one for each pair of seats, quantisation, metric and tier of depth
 *   (`layers`: slices of so many layers or fewer, and more than the tier below). A pair has no direction: |a - b| / |b| and |a - b| / |a| differ in the second order, so it is looked up either way round, and is written with the
 *   earlier of native, wasm, webgpu, and of f32, f16 first. `samples` counts comparisons of one row in two ways; p50 … max are their
 *   error's quantiles, `fittedTail` the error that one row in 10⁹ would exceed by a fitted Pareto tail, and `byLayers` the largest error
 *   by the number of layers that the slice had.
 * - `thresholds`: by pair, metric and tier; `samples` counts what it rests on. A pair that is not listed was never measured, and nobody may be accused by it.
 * - `proof`: other texts than the entries', and of random models other weights, each way against what an auditor runs: none may cross.
 * - `cheats`: errors of the cheapest cheats by the same metrics, and the share of their rows that the threshold of their pair finds.
 *
 * Metrics: `row-l2`, the relative L2 error of a row of hidden states; `logit`, in nats, how far a row of logits is off, but for what is
 * the same for all (`row-errors.ts`).
 */
import { z } from 'zod'

const count = z.int().positive()
const figure = z.number().nonnegative()

export const seatSchema = z.strictObject({
  engine: z.enum(['native', 'wasm', 'webgpu']),
  dtype: z.enum(['f32', 'f16']),
})
export type Seat = z.infer<typeof seatSchema>

export const metricSchema = z.enum(['row-l2', 'logit'])
export type Metric = z.infer<typeof metricSchema>

const quantisation = z.enum(['q4', 'q8', 'f16', 'f32'])
const pair = { producer: seatSchema, auditor: seatSchema }

export const entrySchema = z.strictObject({
  ...pair,
  quantisation,
  metric: metricSchema,
  layers: count,
  samples: count,
  p50: figure,
  p99: figure,
  p999: figure,
  max: figure,
  fittedTail: figure,
  byLayers: z.record(z.string().regex(/^\d+$/), figure),
})
export type Entry = z.infer<typeof entrySchema>

export const thresholdSchema = z.strictObject({
  ...pair,
  metric: metricSchema,
  layers: count,
  threshold: figure,
  samples: count,
})
export type Threshold = z.infer<typeof thresholdSchema>

const proofSchema = z.strictObject({
  ...pair,
  metric: metricSchema,
  layers: count,
  rows: count,
  max: figure,
  crossed: z.int().nonnegative(),
})
const cheatSchema = z.strictObject({
  cheat: z.string(),
  model: z.string(),
  quantisation,
  layers: count,
  ...pair,
  metric: metricSchema,
  rows: count,
  p01: figure,
  p50: figure,
  max: figure,
  /** Share of its rows above the threshold of the pair. */
  found: z.number().min(0).max(1),
})

export const toleranceSchema = z.strictObject({
  version: z.literal(1),
  rule: z.strictObject({ margin: z.number().positive(), tailProbability: z.number().positive() }),
  runs: z.array(
    z.strictObject({ date: z.iso.date(), device: z.string(), engines: z.array(z.string()), samples: count }),
  ),
  entries: z.array(entrySchema),
  thresholds: z.array(thresholdSchema),
  proof: z.array(proofSchema),
  cheats: z.array(cheatSchema),
})
export type ToleranceData = z.infer<typeof toleranceSchema>

/** Depths of slices that are told apart: errors grow with layers. */
export const tiers = [6, 16, 48] as const

/** The least tier that holds a slice of so many layers. Errors: a RangeError beyond the deepest. */
export function tierOf(layers: number): number {
  const tier = tiers.find(most => layers <= most)
  if (tier === undefined) throw new RangeError(`slices of ${layers} layers are in no tier`)
  return tier
}

const engineOrder = ['native', 'wasm', 'webgpu']
const dtypeOrder = ['f32', 'f16']
const rankOf = ({ engine, dtype }: Seat) => engineOrder.indexOf(engine) * dtypeOrder.length + dtypeOrder.indexOf(dtype)

/** The pair as it is written in the data. */
export function orderedPair(producer: Seat, auditor: Seat): { readonly producer: Seat; readonly auditor: Seat } {
  return rankOf(producer) <= rankOf(auditor) ? { producer, auditor } : { producer: auditor, auditor: producer }
}

/** A name of the pair, the same either way round. */
export function pairName(a: Seat, b: Seat): string {
  const { producer, auditor } = orderedPair(a, b)
  return `${producer.engine} ${producer.dtype} / ${auditor.engine} ${auditor.dtype}`
}
