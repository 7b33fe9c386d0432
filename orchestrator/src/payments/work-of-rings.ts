/** Who works in the rings that serve, and how much, and who checked them: what units are reckoned from. It orders none. */
import { type MemberUnits, mostMembers, type WorkSeat, workUnits } from '@computepool/shared/money'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { operatorOf } from '../receipts/operator-of.ts'

type Rings = NonNullable<PoolSnapshot['rings']>

/** One that drains still serves what it has begun. */
export const servingRings = ({ rings = [] }: PoolSnapshot): Rings => rings.filter(({ status }) => status !== 'forming')

/** Seats of the rings that serve, without those of whoever earns nothing for now. */
export const workOfRings = (rings: Rings, earnsNothing: (operator: string) => boolean): WorkSeat[] =>
  rings
    .flatMap(ring => ring.seats)
    .map(({ peer, layers, msPerLayer }) => ({
      operator: operatorOf(peer),
      layers: layers.end - layers.start,
      msPerLayer,
    }))
    .filter(({ operator }) => !earnsNothing(operator))

/**
 * The pool's members now, in the order of their addresses: those who serve by their work, and beside them the auditors by their checks. Nobody where
 * nobody serves: who checks earns a part of what is earned, and never all. Auditors need no stake; beyond the vault's members they come last.
 */
export function unitsNow(snapshot: PoolSnapshot, earnsNothing: (operator: string) => boolean): MemberUnits[] {
  const units = new Map(
    workUnits(workOfRings(servingRings(snapshot), earnsNothing)).map(({ member, units }) => [member, units]),
  )
  if (units.size === 0) return []
  const forChecks = new Map<string, number>()
  for (const { operator, units: more } of snapshot.auditPay ?? []) {
    const own = units.get(operator)
    if (own === undefined && units.size >= mostMembers) continue
    units.set(operator, (own ?? 0) + more)
    forChecks.set(operator, more)
  }
  return [...units]
    .map(([member, units]) => ({
      member,
      units,
      ...(forChecks.has(member) ? { forChecks: forChecks.get(member)! } : {}),
    }))
    .sort((a, b) => (a.member < b.member ? -1 : 1))
}

/**
 * Members as they were ordered, without one of them and without what auditors had for their checks: of fewer operators that could be any part, up to
 * all. The next ring's order gives auditors theirs again.
 */
export const unitsWithout = (members: readonly MemberUnits[], gone: string): MemberUnits[] =>
  members
    .filter(({ member }) => member.toLowerCase() !== gone.toLowerCase())
    .map(({ member, units, forChecks = 0 }) => ({ member, units: units - forChecks }))
    .filter(({ units }) => units > 0)
