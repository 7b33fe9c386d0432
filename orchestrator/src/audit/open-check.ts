/** A check that is open, and one asking of it. Types only. */
import type { HandOverOrder } from './check-orders.ts'
import type { DrawnCheck } from './draw-checks.ts'
import type { Errand } from './errands.ts'
import type { KnownAnswers } from './known-answers.ts'

/** Who was asked so far, and what they said. */
export interface OpenCheck {
  readonly drawn: DrawnCheck
  readonly asked: Set<string>
  /** The auditor that said so first; the blamed peer. */
  withheld: { readonly operator: string; readonly blamed: string } | null
  /** The seat to which somebody who is vouched for found no link. */
  unlinked: string | null
  /** Who could not make it, and blamed nobody. */
  readonly puzzled: Set<string>
  /** Who found nothing: this is the second look, or the third, where two did not compute the same. */
  readonly agreedBy: readonly string[]
  /** What they computed. */
  readonly known: KnownAnswers
  /** Auditors to whom it counts already. */
  readonly paid: Set<string>
  /** It ended as met: a second look counts only where it finds something. */
  readonly isMet: boolean
}

export interface Ask {
  readonly check: OpenCheck
  readonly errand: Errand
  readonly auditor: string
  readonly seats: readonly string[]
  /** What is handed over at once. */
  readonly now: readonly HandOverOrder[]
  /** What is when its auditor has said what it computed; null: it has. */
  later: readonly HandOverOrder[] | null
}
