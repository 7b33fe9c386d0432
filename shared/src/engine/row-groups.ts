/** Which rows of a call may share a run: those of one position each, of different requests. It knows no caches. */
import type { EngineRow } from '../ports/index.ts'
import { rowTokens } from './check-row.ts'

/** Indices of `rows`, split into groups of at most `maxRows` that may run together, in the order of their first rows. */
export function groupRows(rows: readonly EngineRow[], maxRows: number): number[][] {
  const seen = new Map<string, number>()
  for (const { requestId } of rows) seen.set(requestId, (seen.get(requestId) ?? 0) + 1)
  const groups: number[][] = []
  let open: number[] | null = null
  for (const [i, row] of rows.entries()) {
    // A request's second row builds on its first.
    const mayShare = maxRows > 1 && rowTokens(row) === 1 && seen.get(row.requestId) === 1
    if (mayShare && open !== null && open.length < maxRows) {
      open.push(i)
      continue
    }
    const group = [i]
    groups.push(group)
    if (mayShare) open = group
  }
  return groups
}
