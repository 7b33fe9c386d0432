/**
 * What the auditors of one check computed, as sketches that each gave before it could see what the seat had sent: of a second look the first one's is the
 * known answer. It knows no rows, no seats and no clock.
 */
import { isSameComputed, type RowsSketched } from '@computepool/shared/audit'

export interface KnownAnswers {
  /** Hex: what every auditor of this check sketches under. */
  readonly nonce: string
  /** Once each: a second word of the same counts for nothing. */
  computed(operator: string, sketched: RowsSketched): void
  has(operator: string): boolean
  isSame(one: string, other: string): boolean
  /** Of three, the one that two who are vouched for contradict, who computed the same; null: nobody can be told to be wrong. */
  lazyOf(three: readonly [string, string, string]): string | null
}

export function createKnownAnswers(nonce: string, isTrusted: (operator: string) => boolean): KnownAnswers {
  const sketches = new Map<string, RowsSketched>()
  const isSame = (one: string, other: string): boolean => {
    const [ours, theirs] = [sketches.get(one), sketches.get(other)]
    return ours !== undefined && theirs !== undefined && isSameComputed(ours, theirs)
  }
  return {
    nonce,
    computed: (operator, sketched) => {
      if (!sketches.has(operator)) sketches.set(operator, sketched)
    },
    has: operator => sketches.has(operator),
    isSame,
    lazyOf: three => {
      const isContradicted = (one: string): boolean => {
        const others = three.filter(other => other !== one) as [string, string]
        return others.every(isTrusted) && isSame(...others) && !others.some(other => isSame(one, other))
      }
      return three.find(isContradicted) ?? null
    },
  }
}
