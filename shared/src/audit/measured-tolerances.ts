/** The committed table of how far honest engines lie apart: what peers and `computepool verify` judge by unless they are given another. */
import data from './tolerance.json' with { type: 'json' }
import { parseToleranceTable, type ToleranceTable } from './tolerance.ts'

let parsed: ToleranceTable | null = null

/** Read once, when first asked for. */
export function measuredTolerances(): ToleranceTable {
  parsed ??= parseToleranceTable(data)
  return parsed
}
