/** That 0G's fees go by the rule of the vault's units: who has no stake there has no part here. */
import { expect, it } from 'vitest'
import { createTestPool } from '../../testing/test-pool.ts'
import type { MoneyDesk, Till } from '../payments/till.ts'
import { unitsNow } from '../payments/work-of-rings.ts'
import { operatorOf } from '../receipts/operator-of.ts'
import { earningOnlyStaked, type StakeDesk } from '../stakes/index.ts'
import type { ZerogDesk } from './open-zerog.ts'
import { type ServingPool, unitsOfRing } from './who-served.ts'

it('gives whoever has no stake no part of a fee, from when the till is open', async () => {
  let followed: ServingPool | null = null
  const follow = (pool: ServingPool): void => {
    followed = pool
  }
  const zerog = { follow } as unknown as ZerogDesk
  let stakes: StakeDesk | null = null
  const till = {} as unknown as Till
  const money: MoneyDesk = { mode: 'paid', till: () => till, ownerToken: 'x', stakes: () => stakes }
  const { desk, joinTabs } = createTestPool({}, { zerog, moneyFor: () => money })
  const [one, other] = await joinTabs(2)
  const { seats } = desk.snapshot().rings![0]!
  const units = () => unitsOfRing(followed!, seats)
  const names = [one!, other!].map(({ peer }) => operatorOf(peer)).sort()
  expect(units().map(([wallet]) => wallet)).toEqual(names)
  const [unstaked, staked] = names
  stakes = { reasonOf: (operator: string) => (operator === unstaked ? 'Refused.' : null) } as unknown as StakeDesk
  const inVault = unitsNow(desk.snapshot(), earningOnlyStaked(desk, stakes).withheld.isWithheld)
  expect(units()).toEqual(inVault.map(({ member, units }) => [member, units]))
  expect(units().map(([wallet]) => wallet)).toEqual([staked])
})
