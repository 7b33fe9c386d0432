/**
 * A coalition's seats as terms: each wallet's layers as one span, and its units as the pool counts them. Prices, times and the chain
 * come from outside; it draws no salt of its own.
 */
import type { LayerRange } from '../model/index.ts'
import { type WorkSeat, workUnits } from '../money/work-units.ts'
import type { Hex } from './coalition-values.ts'
import { type CoalitionTerms, orderParties, type Party, type TermsFault, termsFault } from './terms.ts'

export interface AssignedSeat {
  readonly operator: Hex
  readonly layers: LayerRange
  /** Measured milliseconds of one layer. */
  readonly msPerLayer: number
}

export interface AssignmentTerms
  extends Pick<
    CoalitionTerms,
    | 'modelDigest'
    | 'layers'
    | 'pool'
    | 'vault'
    | 'pricePerSecondAtomic'
    | 'stakeAtomic'
    | 'proposalEndsAt'
    | 'endsAt'
    | 'salt'
  > {
  /** Seats, and standbys that hold what a seat holds and stake too. */
  readonly seats: readonly AssignedSeat[]
  /** The coalition that is re-split, and the version that it has; absent: a new one is proposed. */
  readonly current?: { readonly id: bigint; readonly version: number } | undefined
}

/** `operator-split`: a wallet holds layers that do not touch, which is no span. */
export type AssignmentFault = TermsFault | { readonly code: 'operator-split'; readonly text: string }

export type TermsOfAssignment =
  | { readonly kind: 'terms'; readonly terms: CoalitionTerms }
  | { readonly kind: 'refused'; readonly fault: AssignmentFault }

/** Terms that all of these seats can sign, or why there are none. Errors: `input_invalid` for a figure that makes no sense. */
export function termsOfAssignment(assignment: AssignmentTerms): TermsOfAssignment {
  const { seats, current, ...rest } = assignment
  const units = new Map(workUnits(seats.map(asWork)).map(({ member, units }) => [member, units]))
  const parties: Party[] = []
  for (const [operator, spans] of spansOf(seats)) {
    const span = joined(spans)
    if (span === null) {
      const text = `${operator} holds ${spans.map(({ start, end }) => `[${start}, ${end})`).join(' and ')}, which is no one span.`
      return { kind: 'refused', fault: { code: 'operator-split', text } }
    }
    parties.push({ operator, firstLayer: span.start, endLayer: span.end, units: units.get(operator) ?? 0 })
  }
  const terms: CoalitionTerms = {
    ...rest,
    version: current === undefined ? 0 : current.version + 1,
    id: current?.id ?? 0n,
    parties: orderParties(parties),
  }
  const fault = termsFault(terms)
  return fault === null ? { kind: 'terms', terms } : { kind: 'refused', fault }
}

const asWork = ({ operator, layers, msPerLayer }: AssignedSeat): WorkSeat => ({
  operator,
  layers: layers.end - layers.start,
  msPerLayer,
})

function spansOf(seats: readonly AssignedSeat[]): Map<Hex, LayerRange[]> {
  const spans = new Map<Hex, LayerRange[]>()
  for (const { operator, layers } of seats) {
    const key = operator.toLowerCase() as Hex
    spans.set(key, [...(spans.get(key) ?? []), layers])
  }
  return spans
}

/** The union, where it has no gap. */
function joined(spans: readonly LayerRange[]): LayerRange | null {
  const [first, ...others] = [...spans].sort((a, b) => a.start - b.start)
  if (first === undefined) return null
  let { start, end } = first
  for (const other of others) {
    if (other.start > end) return null
    end = Math.max(end, other.end)
  }
  return { start, end }
}
