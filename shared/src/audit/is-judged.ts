/** Whether work that was done on some engine can be judged by computing it again: only where somebody measured how far such an engine may lie off. */
import { measuredTolerances } from './measured-tolerances.ts'
import type { ToleranceRow, ToleranceSide } from './tolerance.ts'

/** False where no auditor’s engine was measured against it over slices so deep: such a check proves nothing, and nobody is accused by it. */
export function isJudged(
  { kind, dtype }: ToleranceSide,
  { quantisation, layers }: Pick<ToleranceRow, 'quantisation' | 'layers'>,
): boolean {
  return measuredTolerances().rows.some(
    row =>
      row.quantisation === quantisation &&
      row.layers >= layers &&
      row.sides.some(side => side.kind === kind && side.dtype === dtype),
  )
}
