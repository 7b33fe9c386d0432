/** For engines that cannot verify guesses: the row as it would be without them. */
import type { EngineRow } from '../ports/index.ts'
import { rowTokens } from './check-row.ts'
import { activationRows } from './convert-activation.ts'

/** `row` up to the current token, its guesses and their inputs left out; the same row where it has none. */
export function withoutDraft(row: EngineRow): EngineRow {
  if (row.sample?.draft === undefined) return row
  const { draft, ...sample } = row.sample
  const certain = rowTokens(row) - draft.length
  const { input } = row
  if ('tokens' in input) return { ...row, sample, input: { tokens: input.tokens.slice(0, certain) } }
  return { ...row, sample, input: { activation: activationRows(input.activation, 0, certain) } }
}
