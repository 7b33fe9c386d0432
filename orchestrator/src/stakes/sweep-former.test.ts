/** What lies in a registry that is no more in use comes back all the same, on anvil. */
import type { PrivateKeyAccount } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { stakeAtomic } from '../../testing/keeper-coalition.ts'
import { openStakePool, type StakePool } from '../../testing/stake-pool.ts'

let pool: StakePool
beforeAll(async () => {
  pool = await openStakePool()
}, 240_000)
afterAll(() => pool?.close())

it('gives back what lies in a former registry, and says what is left there', { timeout: 90_000 }, async () => {
  const members = (await pool.operators(2)) as [PrivateKeyAccount, PrivateKeyAccount]
  pool.stand(members)
  await pool.until(() => pool.ring().state === 'active')
  const { id: coalition } = pool.stakes().coalitionOf(members[0].address.toLowerCase())!
  pool.stand()
  await pool.retire()
  expect(await pool.sweep()).toBeGreaterThan(0)
  expect((await pool.registry.stakeOf(coalition, members[0].address)).isMember).toBe(true)
  await pool.passSeconds(9 * 86_400)
  expect(await pool.sweep()).toBeGreaterThan(0)
  await pool.passSeconds(3_601)
  expect(await pool.sweep()).toBe(0)
  for (const { address } of members) expect(await pool.chain.usdcOf(address)).toBe(stakeAtomic)
  expect(await pool.registry.held()).toBe(0n)
})
