import type { Hex } from '@computepool/shared/coalition'
import { expect, it } from 'vitest'
import { type PlanTerms, planTerms } from './plan-terms.ts'
import type { HeldCoalition } from './stake-picture.ts'

const hex = (byte: string, count: number): Hex => `0x${byte.repeat(count)}`
const operators = [hex('a1', 20), hex('b1', 20)]
const plan: PlanTerms = {
  frame: {
    ...{ modelDigest: hex('01', 32), layers: 8, pool: hex('b0', 20), vault: hex('5a', 20) },
    stakeAtomic: 5_000_000n,
  },
  pricePerSecondAtomic: 500n,
  seats: operators.map((operator, i) => ({ operator, layers: { start: 4 * i, end: 4 * i + 4 }, msPerLayer: 1 })),
  coalitions: [],
  guilty: new Set(),
  ...{ nowSeconds: 1000n, proposalSeconds: 600n, termSeconds: 604_800n },
  salt: hex('07', 32),
}

function heldNow(): HeldCoalition {
  const first = planTerms(plan)
  if (first.kind !== 'offer') throw new Error(first.kind)
  const { terms } = first
  const view = { ...terms, id: 1n, state: 'active', termsHash: hex('09', 32) } as const
  const stake = { amountAtomic: 5_000_000n, releasableAt: 0n, openDisputes: 0, isMember: true, isGuilty: false }
  return { view, terms, stakes: operators.map(operator => ({ operator, ...stake })) }
}

it('asks nothing of a ring whose coalition stands, and renews it before it ends', () => {
  const held = heldNow()
  expect(planTerms({ ...plan, coalitions: [held] }).kind).toBe('fits')
  const late = { ...plan, coalitions: [held], nowSeconds: held.view.endsAt - 1000n }
  expect(planTerms(late)).toMatchObject({ kind: 'offer', terms: { id: 1n, version: 1 } })
})

it('founds another coalition where the pool asks for another stake, or serves another model', () => {
  const held = heldNow()
  for (const change of [{ stakeAtomic: 50_000_000n }, { modelDigest: hex('02', 32) }])
    for (const nowSeconds of [plan.nowSeconds, held.view.endsAt - 1000n]) {
      const asked = { ...plan, frame: { ...plan.frame, ...change }, coalitions: [held], nowSeconds }
      expect(planTerms(asked)).toMatchObject({
        kind: 'offer',
        coalition: null,
        terms: { id: 0n, version: 0, ...change },
      })
    }
})
