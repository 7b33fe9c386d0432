/**
 * How far two honest engines may lie apart, looked up in measured data: by what computed, in which floats, over which weights, and over
 * how many layers. It knows no measurement; what it has no row for, it does not judge.
 */
import { z } from 'zod'
import { ComputePoolError } from '../errors/index.ts'

const engineKind = z.enum(['webgpu', 'wasm', 'native'])
const dtype = z.enum(['f32', 'f16', 'bf16'])

const sideSchema = z.strictObject({ kind: engineKind, dtype })
/** What computed one side of a comparison. */
export type ToleranceSide = z.infer<typeof sideSchema>

const toleranceRowSchema = z.strictObject({
  /** In either order. */
  sides: z.tuple([sideSchema, sideSchema]),
  quantisation: z.enum(['q4', 'q8', 'f16', 'f32']),
  /** Slices of at most so many layers. */
  layers: z.int().positive().max(512),
  /** Largest relative L2 error of an honest row, with the margin that it was given. */
  relative: z.number().positive().max(1),
  /** Largest distance of an honest logit from another's. */
  logit: z.number().positive().max(100),
  /** Largest share of honest draws that came out otherwise, as near ties. */
  nearTieShare: z.number().min(0).max(1).optional(),
  /** Honest rows that were measured, the largest error among them, and its quantiles: where the two above come from. */
  measured: z.strictObject({
    rows: z.int().positive(),
    worst: z.number().nonnegative(),
    quantiles: z.array(z.tuple([z.number().min(0).max(1), z.number().nonnegative()])).max(32),
  }),
})
export type ToleranceRow = z.infer<typeof toleranceRowSchema>

/** The data file: rows of measured pairs. */
export const toleranceTableSchema = z.strictObject({
  format: z.literal('computepool-tolerance'),
  version: z.literal(1),
  rows: z.array(toleranceRowSchema).min(1).max(10_000),
})
export type ToleranceTable = z.infer<typeof toleranceTableSchema>

/** A table from data. Errors: `input_invalid`, naming the first field at fault. */
export function parseToleranceTable(data: unknown): ToleranceTable {
  const parsed = toleranceTableSchema.safeParse(data)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const param = issue?.path.join('.') ?? ''
  throw new ComputePoolError('input_invalid', `The tolerance table is unsound at ${param}: ${issue?.message}.`, {
    remedy: 'Measure it again, or take the one that came with this version.',
    context: { param },
  })
}

export interface ToleranceQuery {
  readonly sides: readonly [ToleranceSide, ToleranceSide]
  readonly quantisation: ToleranceRow['quantisation']
  readonly layers: number
}

/** The row for slices as deep as this, the shallowest that reaches; null where nobody measured that pair: such a check proves nothing. */
export function toleranceFor(table: ToleranceTable, query: ToleranceQuery): ToleranceRow | null {
  const [a, b] = query.sides.map(nameOf)
  let best: ToleranceRow | null = null
  for (const row of table.rows) {
    const [first, second] = row.sides.map(nameOf)
    const isPair = (first === a && second === b) || (first === b && second === a)
    if (!isPair || row.quantisation !== query.quantisation || row.layers < query.layers) continue
    if (best === null || row.layers < best.layers) best = row
  }
  return best
}

function nameOf({ kind, dtype }: ToleranceSide): string {
  return `${kind} ${dtype}`
}
