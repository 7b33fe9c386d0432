/** Stakes from the ready ring to the money that comes back, on anvil: registry, vault, keeper, ledger and outbox are real ones. */
import type { PrivateKeyAccount } from 'viem'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { stakeAtomic } from '../../testing/keeper-coalition.ts'
import { openStakePool, type StakePool } from '../../testing/stake-pool.ts'

let pool: StakePool
beforeAll(async () => {
  pool = await openStakePool()
}, 240_000)
afterAll(() => pool?.close())
beforeEach(() => {
  pool.stand()
  pool.faults.length = 0
})

const wallet = ({ address }: PrivateKeyAccount): string => address.toLowerCase()
const isActive = (at = 0) => pool.ring(at).state === 'active'
const id = (account: PrivateKeyAccount): bigint => pool.stakes().coalitionOf(wallet(account))!.id

it('stakes a ring once it is ready, and gives its members their units then', { timeout: 60_000 }, async () => {
  const members = await pool.operators(3)
  pool.stand(members)
  expect(pool.ring()).toEqual({ state: 'none', coalition: null, staked: 0, of: 3 })
  await pool.until(isActive)
  expect(pool.ring()).toMatchObject({ state: 'active', staked: 3, of: 3 })
  for (const member of members) {
    expect(await pool.registry.stakeOf(id(member), member.address)).toMatchObject({
      isMember: true,
      amountAtomic: stakeAtomic,
    })
    expect(await pool.chain.usdcOf(member.address)).toBe(0n)
  }
  // The same run gives them their units, a moment after it activates.
  await pool.until(async () => (await pool.members()).length === 3)
  expect((await pool.members()).map(([member]) => member).sort()).toEqual(members.map(wallet).sort())
  await pool.until(() => pool.toldTo(members[0]!)?.state === 'staked')
  expect(pool.toldTo(members[0]!)).toMatchObject({
    amountAtomic: String(stakeAtomic),
    coalition: String(id(members[0]!)),
  })
  expect(pool.stakes().reasonOf(wallet(members[0]!))).toBeNull()
  expect(pool.faults).toEqual([])
})
