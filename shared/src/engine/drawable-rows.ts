/** Whether a head can draw from rows: what an exit asks of its own, and an auditor of those that the exit signed. It knows no head. */
import type { Activation } from '../ports/index.ts'
import { activationRows, activationValues } from './convert-activation.ts'

/** Heads sum a row's squares in 32 bits, each in an order of its own: above a third of what these hold nobody's sum is asked for. */
const mostSquares = 1e38

/** False where a row holds what is no number, or is so large that scores of it need not be numbers. */
export function isDrawable(rows: Activation): boolean {
  const { hidden } = rows
  const values = activationValues(rows)
  for (let start = 0; start < values.length; start += hidden) {
    let squares = 0
    for (let i = start; i < start + hidden; i++) squares += values[i]! ** 2
    if (!(squares <= mostSquares)) return false
  }
  return true
}

/** The first position of a text may hold numbers that 16 bits cannot, of whoever computes as it should. */
export function mayOverflow({ dtype }: Pick<Activation, 'dtype'>, position: number): boolean {
  return dtype === 'f16' && position === 0
}

/** Whether the `count` rows from index `first` of `rows`, which begin at `position`, could all be drawn from. */
export function areDrawable(
  rows: Activation,
  { position, first, count }: { readonly position: number; readonly first: number; readonly count: number },
): boolean {
  const from = mayOverflow(rows, position + first) ? first + 1 : first
  return from >= first + count || isDrawable(activationRows(rows, from, first + count))
}
