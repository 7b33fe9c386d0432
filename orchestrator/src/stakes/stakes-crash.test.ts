/** A stakes' desk that dies at each of its steps, and the next one over the same books: every stake is put in once and comes back once. */
import type { PrivateKeyAccount } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { stakeAtomic } from '../../testing/keeper-coalition.ts'
import { openStakePool, type StakePool } from '../../testing/stake-pool.ts'
import type { StakePoint } from './stake-ports.ts'

let pool: StakePool
beforeAll(async () => {
  pool = await openStakePool()
}, 240_000)
afterAll(() => pool?.close())

const wallet = ({ address }: PrivateKeyAccount): string => address.toLowerCase()
const isActive = () => pool.ring().state === 'active'
/** The units are the last run's own, a moment later. */
const untilPaid = (...members: PrivateKeyAccount[]): Promise<void> => {
  const wanted = JSON.stringify(members.map(wallet).sort())
  return pool.until(async () => JSON.stringify((await pool.members()).map(([member]) => member).sort()) === wanted)
}
type Pair = [PrivateKeyAccount, PrivateKeyAccount]

async function dyingAt(point: StakePoint, cause: () => unknown): Promise<void> {
  const died = pool.dieAt(point)
  await cause()
  await died
  await pool.restart()
}

it.each([
  'stakes:offered',
  'stakes:signed',
  'stakes:propose-sent',
  'stakes:proposed',
  'stakes:units-kept',
  'stakes:activate-sent',
  'stakes:activated',
] as const)('founds one coalition, killed at %s', { timeout: 90_000 }, async point => {
  const members = (await pool.operators(2, 2n * stakeAtomic)) as Pair
  const before = [await pool.registry.count(), await pool.registry.held()] as const
  await dyingAt(point, () => pool.stand(members))
  await pool.until(isActive)
  await untilPaid(...members)
  for (const { address } of members) expect(await pool.chain.usdcOf(address)).toBe(stakeAtomic)
  expect([await pool.registry.count(), await pool.registry.held()]).toEqual([
    before[0] + 1n,
    before[1] + 2n * stakeAtomic,
  ])
  pool.stand()
})

it('re-splits once, killed after it was sent', { timeout: 90_000 }, async () => {
  const [stays, leaves] = (await pool.operators(2, 2n * stakeAtomic)) as Pair
  const [comes] = (await pool.operators(1, 2n * stakeAtomic)) as [PrivateKeyAccount]
  pool.stand([stays, leaves])
  await pool.until(isActive)
  const { id } = pool.stakes().coalitionOf(wallet(stays))!
  await dyingAt('stakes:resplit-sent', () => pool.stand([stays, comes]))
  await pool.until(isActive)
  expect(pool.stakes().coalitionOf(wallet(comes))).toEqual({ id, version: 1 })
  expect([await pool.chain.usdcOf(stays.address), await pool.chain.usdcOf(comes.address)]).toEqual([
    stakeAtomic,
    stakeAtomic,
  ])
})

it.each(['stakes:leave-sent', 'stakes:release-sent', 'stakes:withdraw-sent'] as const)(
  'gives a leaver its stake back once, killed at %s',
  { timeout: 90_000 },
  async point => {
    const [stays, leaves] = (await pool.operators(2)) as Pair
    pool.stand([stays, leaves])
    await pool.until(isActive)
    await pool.until(() => pool.toldTo(leaves)?.state === 'staked')
    const { id, version } = pool.stakes().coalitionOf(wallet(leaves))!
    pool.stand()
    const leave = () => pool.leave(leaves, id, version)
    await (point === 'stakes:leave-sent' ? dyingAt(point, leave) : leave())
    await pool.until(() => pool.stakes().stakeOf(wallet(leaves)).state === 'unbonding')
    const pass = () => pool.passSeconds(3_601)
    await (point === 'stakes:leave-sent' ? pass() : dyingAt(point, pass))
    await pool.until(async () => (await pool.chain.usdcOf(leaves.address)) === stakeAtomic)
    await pool.until(() => pool.stakes().isStaked(wallet(stays)))
  },
)

it.each(['stakes:gift-noted', 'stakes:gift-sent'] as const)(
  'gives an operator one stake, killed at %s',
  {
    timeout: 90_000,
  },
  async point => {
    const given: string[] = []
    let line = Promise.resolve()
    pool.giveFrom(async (to, amountAtomic) => {
      // One key's transactions go one after the other.
      line = line.then(() => pool.chain.mintUsdc(to, amountAtomic))
      await line
      given.push(to)
      return `0x${'00'.repeat(32)}`
    })
    await pool.restart()
    const poor = (await pool.operators(2, 0n)) as Pair
    await dyingAt(point, () => pool.stand(poor))
    await pool.until(isActive)
    expect(given.sort()).toEqual(poor.map(wallet).sort())
    for (const { address } of poor) expect(await pool.chain.usdcOf(address)).toBe(0n)
    pool.giveFrom(null)
    await pool.restart()
  },
)

it('ends what was over while it was dead, and gives everything back: what came in went out', {
  timeout: 90_000,
}, async () => {
  pool.stand()
  await dyingAt('stakes:end-sent', () => pool.passSeconds(9 * 86_400))
  const ids = Array.from({ length: Number(await pool.registry.count()) }, (_, at) => BigInt(at + 1))
  const ended = 3
  await pool.until(async () => (await Promise.all(ids.map(pool.registry.stateOf))).every(([state]) => state === ended))
  await pool.passSeconds(3_601)
  await pool.until(async () => (await pool.registry.held()) === 0n)
})
