/** What two, three or four answers to one challenge come to: who agrees with whom, and whose slice that makes wrong. Pure; it asks nobody. */
import { compareProofs, isFiniteSketch, measuredTolerances, toleranceFor } from '@computepool/shared/audit'
import type { LayerRange, Manifest } from '@computepool/shared/model'
import type { SliceProof } from '@computepool/shared/wire'
import type { CheckedEngine } from './check-orders.ts'

export interface Witness {
  readonly peer: string
  readonly operator: string
  readonly proof: SliceProof
  /** As it announced itself when it joined; null: it announced nothing, and what it says now counts. */
  readonly engine: CheckedEngine | null
}

export interface WeighInput {
  /** The standby's; null: not there yet. */
  readonly own: Witness | null
  /** In the order in which they answered. */
  readonly others: readonly Witness[]
  readonly layers: LayerRange
  readonly quantisation: Manifest['quantisation']
}

export type ProofVerdict =
  /** Answers are missing, or somebody else has to be asked. */
  | { readonly kind: 'waiting' | 'undecided' }
  /** Nobody measured the pair, or all three say something else. */
  | { readonly kind: 'unproved' }
  /** `wrong`: the one that was contradicted, and two who agree: of four not the standby itself. */
  | { readonly kind: 'met'; readonly wrong: Contradicted | null }
  | { readonly kind: 'wrong'; readonly wrong: Contradicted }

export interface Contradicted {
  readonly witness: Witness
  readonly agreeing: readonly [Witness, Witness]
}

export function weighProofs({ own, others, ...how }: WeighInput): ProofVerdict {
  const [first, second] = others
  if (own === null || first === undefined) return { kind: 'waiting' }
  const found = compare(own, first, how)
  if (found === 'unjudged') return { kind: 'unproved' }
  if (found === 'same') return { kind: 'met', wrong: null }
  if (second === undefined) return { kind: 'undecided' }
  const [ofOwn, ofFirst] = [compare(own, second, how), compare(first, second, how)]
  if (ofOwn === 'same' && ofFirst === 'different') {
    const [, , third] = others
    const isSeconded = third !== undefined && compare(second, third, how) === 'same'
    const agreeing = isSeconded && compare(first, third, how) === 'different' ? ([second, third] as const) : null
    return { kind: 'met', wrong: { witness: first, agreeing: agreeing ?? [own, second] } }
  }
  if (ofOwn === 'different' && ofFirst === 'same')
    return { kind: 'wrong', wrong: { witness: own, agreeing: [first, second] } }
  return { kind: 'unproved' }
}

/**
 * Whether the standby says that its f16 or bf16 ran over where a witness on the same kind of engine, in the same floats, shows that they hold what this seed
 * gives. Of other floats nothing follows, for what runs over inside does not show in rows that were computed with more room; nor of kinds that nobody measured.
 */
export function hasOverrunAlone(
  own: Witness,
  other: Witness,
  how: Pick<WeighInput, 'layers' | 'quantisation'>,
): boolean {
  if (own.proof.kind !== 'rows' || other.proof.kind !== 'rows') return false
  if (isFiniteSketch(own.proof.sketch) || !isFiniteSketch(other.proof.sketch)) return false
  const [ours, theirs] = [sideOf(own), sideOf(other)]
  if (ours.dtype === 'f32' || ours.kind !== theirs.kind || ours.dtype !== theirs.dtype) return false
  const pair = {
    sides: [ours, theirs] as const,
    quantisation: how.quantisation,
    layers: how.layers.end - how.layers.start,
  }
  return toleranceFor(measuredTolerances(), pair) !== null
}

const sideOf = ({ engine, proof }: Witness): CheckedEngine => engine ?? proof.engine

function compare(a: Witness, b: Witness, { layers, quantisation }: Pick<WeighInput, 'layers' | 'quantisation'>) {
  return compareProofs({
    proofs: [a.proof, b.proof],
    sides: [sideOf(a), sideOf(b)],
    quantisation,
    layers: layers.end - layers.start,
    table: measuredTolerances(),
  })
}
