/**
 * Whose word terms wait for, and for which: everybody's signature of the terms first, stakes last, and one after the other. A stake's authorization counts
 * against what its owner gives within a day, whatever becomes of it; so nobody is asked for one while another may still refuse, and those of least
 * trust before the others. It tells nobody.
 */
import type { Hex } from '@computepool/shared/coalition'
import type { StakeTerms } from './stake-book.ts'

export interface Asking {
  readonly operator: Hex
  /** For the stake, with the terms; else for the terms alone. */
  readonly needsStake: boolean
}

export interface WhomToAsk {
  /** It signed these terms without its stake. */
  readonly hasAgreed: (row: StakeTerms, operator: Hex) => boolean
  /** None of its lies in this coalition. */
  readonly needsStake: (row: StakeTerms, operator: Hex) => boolean
  /** It refused, or did not answer, a moment ago: it is asked before others give theirs. */
  readonly wasAtFault: (operator: Hex) => boolean
  /** Who is asked for its stake before whom: the lower first. */
  readonly turnOf: (row: StakeTerms, operator: Hex) => number
}

export function whomToAsk(row: StakeTerms, { hasAgreed, needsStake, wasAtFault, turnOf }: WhomToAsk): Asking[] {
  const silent = row.terms.parties
    .map(({ operator }) => operator)
    .filter(operator => !row.consents.some(consent => consent.operator === operator))
  const wanting = silent
    .filter(operator => needsStake(row, operator))
    .sort((one, other) => turnOf(row, one) - turnOf(row, other))
  const toAgree = silent.filter(operator => !wanting.includes(operator) || !hasAgreed(row, operator))
  const isAlone = silent.length === 1 && wanting.length === 1
  if (toAgree.length > 0 && !isAlone) return toAgree.map(operator => ({ operator, needsStake: false }))
  const next = wanting.find(wasAtFault) ?? wanting[0]
  return next === undefined ? [] : [{ operator: next, needsStake: true }]
}

/** The order in which stakes are asked for: the least trust first, and among equals as the terms name them. Drawn up once for all the time of an offer. */
export function createTurns(trustOf: (operator: string) => number) {
  const drawn = new Map<string, ReadonlyMap<string, number>>()
  return {
    of: ({ termsHash, terms }: StakeTerms, operator: Hex): number => {
      if (!drawn.has(termsHash)) {
        const order = terms.parties
          .map(party => ({ operator: party.operator, trust: trustOf(party.operator) }))
          .sort((one, other) => one.trust - other.trust)
        drawn.set(termsHash, new Map(order.map((party, turn) => [party.operator, turn])))
      }
      return drawn.get(termsHash)!.get(operator) ?? 0
    },
    keepOnly: (rows: readonly StakeTerms[]): void => keepOffered(drawn, rows),
  }
}

function keepOffered(map: Map<string, unknown>, rows: readonly StakeTerms[]): void {
  const offered = new Set<string>(rows.flatMap(row => (row.state === 'offered' ? [row.termsHash] : [])))
  for (const termsHash of map.keys()) if (!offered.has(termsHash)) map.delete(termsHash)
}

/** Who signed which terms without a stake; forgotten by a restart, which asks again. */
export function createAgreements() {
  const agreed = new Map<string, Set<string>>()
  return {
    note: (termsHash: Hex, operator: Hex): void => {
      agreed.set(termsHash, (agreed.get(termsHash) ?? new Set()).add(operator))
    },
    has: (termsHash: Hex, operator: string): boolean => agreed.get(termsHash)?.has(operator) ?? false,
    /** Of terms that are offered no more nothing is kept. */
    keepOnly: (rows: readonly StakeTerms[]): void => keepOffered(agreed, rows),
  }
}
