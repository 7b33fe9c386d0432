/** Stakes from the ready ring to the money that comes back, on anvil: registry, vault, keeper, ledger and outbox are real ones. */
import type { PrivateKeyAccount } from 'viem'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { stakeAtomic } from '../../testing/keeper-coalition.ts'
import { openStakePool, type StakePool } from '../../testing/stake-pool.ts'

type Four = [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]

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
/** Who has units. */
const earners = async (): Promise<string> =>
  (await pool.members())
    .map(([member]) => member)
    .sort()
    .join()
const id = (account: PrivateKeyAccount): bigint => pool.stakes().coalitionOf(wallet(account))!.id

it('stakes a ring once it is ready, and gives its members their units then', { timeout: 90_000 }, async () => {
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

it('re-splits when a member is replaced, and the stake of whoever left comes back by itself', {
  timeout: 90_000,
}, async () => {
  const [stays, leaves, comes] = (await pool.operators(3)) as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
  pool.stand([stays, leaves])
  await pool.until(isActive)
  const coalition = id(stays)
  await pool.until(() => pool.toldTo(leaves)?.state === 'staked')
  const { version } = pool.toldTo(leaves)!
  pool.stand([stays, comes])
  await pool.leave(leaves, coalition, version!)
  await pool.until(isActive)
  expect(id(stays)).toBe(coalition)
  expect(pool.stakes().coalitionOf(wallet(comes))).toEqual({ id: coalition, version: 1 })
  // Whoever stayed signed again and paid nothing; it held one stake's worth and no more.
  expect(pool.offersTo(stays).map(({ needsStake }) => needsStake)).toEqual([false, true, false])
  expect(pool.stakes().stakeOf(wallet(leaves))).toMatchObject({
    state: 'unbonding',
    coalition,
    amountAtomic: stakeAtomic,
  })
  expect(pool.stakes().reasonOf(wallet(leaves))).toContain('unbond')
  await pool.until(async () => (await pool.members()).map(([member]) => member).includes(wallet(comes)))
  expect((await pool.members()).map(([member]) => member)).not.toContain(wallet(leaves))

  await pool.passSeconds(3_601)
  await pool.until(async () => (await pool.chain.usdcOf(leaves.address)) === stakeAtomic)
  expect(await pool.registry.creditOf(leaves.address)).toBe(0n)
})

it('lets a member go by its own word where nobody takes its place', { timeout: 90_000 }, async () => {
  const [stays, leaves] = (await pool.operators(2)) as [PrivateKeyAccount, PrivateKeyAccount]
  pool.stand([stays, leaves])
  await pool.until(isActive)
  await pool.until(() => pool.toldTo(leaves)?.state === 'staked')
  const coalition = id(stays)
  pool.stand()
  await pool.leave(leaves, coalition, 0)
  await pool.until(() => pool.stakes().stakeOf(wallet(leaves)).state === 'unbonding')
  expect(pool.stakes().stakeOf(wallet(stays)).state).toBe('staked')
})

/** Of one that has spent a signed stake a moment ago: nobody is asked for one until then, and it alone earns nothing. */
async function quietFor(spender: PrivateKeyAccount, others: readonly PrivateKeyAccount[], seconds: number) {
  expect(pool.spent.at(-1)).toEqual([wallet(spender), expect.closeTo(seconds, -2)])
  await pool.restart()
  const offers = pool.offersTo(others[0]!).length
  await pool.passSeconds(seconds - 120)
  await pool.until(async () => (await earners()) === others.map(wallet).sort().join())
  await pool.stakes().idle()
  expect(pool.offersTo(others[0]!)).toHaveLength(offers)
  expect(pool.stakes().reasonOf(wallet(spender))).toContain('had it no more')
  const factor = pool.stakes().factorOf(wallet(spender))
  expect([factor > 0, factor < 0.01]).toEqual([true, true])
  expect(pool.stakes().factorOf(wallet(others[0]!))).toBe(1)
  await pool.passSeconds(240)
  await pool.until(() => pool.offersTo(others[0]!).length > offers)
}

it('does not take a tab that is loaded anew for one that left', { timeout: 90_000 }, async () => {
  const members = (await pool.operators(2)) as [PrivateKeyAccount, PrivateKeyAccount]
  pool.stand(members)
  await pool.until(isActive)
  await pool.until(() => pool.toldTo(members[1])?.state === 'staked')
  await pool.leave(members[1], id(members[1]), 0)
  await pool.stakes().idle()
  expect(pool.stakes().stakeOf(wallet(members[1])).state).toBe('staked')
})

it('tells a refusal, withholds units, and asks again later', { timeout: 90_000 }, async () => {
  const [willing, unwilling] = (await pool.operators(2)) as [PrivateKeyAccount, PrivateKeyAccount]
  pool.answers.set(wallet(unwilling), 'refuse')
  pool.stand([willing, unwilling])
  await pool.until(() => pool.toldTo(unwilling)?.words.includes('Refused: No.') === true)
  expect(pool.stakes().reasonOf(wallet(unwilling))).toContain('you have not staked yet')
  // The other is shown without a stake, is told why, and earns.
  await pool.until(() => pool.toldTo(willing)?.words.includes(`${wallet(unwilling)} does not stake`) === true)
  expect(pool.stakes().isStaked(wallet(willing))).toBe(false)
  expect(pool.ring()).toMatchObject({ staked: 0, of: 2 })
  expect(await pool.chain.usdcOf(willing.address)).toBe(stakeAtomic)
  // However often it refuses: nobody else gave an authorization of its stake, which counts against its day's.
  await pool.until(() => pool.offersTo(unwilling).length >= 3)
  expect(pool.offersTo(willing).map(({ needsStake }) => needsStake)).not.toContain(true)
  await pool.until(async () => (await earners()) === wallet(willing))
  // It gives way in placement, and is never shut out.
  expect(pool.stakes().factorOf(wallet(willing))).toBe(1)
  const factor = pool.stakes().factorOf(wallet(unwilling))
  expect([factor > 0, factor < 0.1]).toEqual([true, true])
  pool.answers.set(wallet(unwilling), 'sign')
  await pool.until(isActive)
  await pool.until(async () => (await pool.members()).length === 2)
  expect(pool.stakes().factorOf(wallet(unwilling))).toBe(1)
})

it('withholds the units of one silent tab alone, until it signs', { timeout: 90_000 }, async () => {
  const [willing, mute] = (await pool.operators(2)) as [PrivateKeyAccount, PrivateKeyAccount]
  pool.answers.set(wallet(mute), 'silent')
  pool.stand([willing, mute])
  await pool.until(() => pool.toldTo(mute)?.words.includes('gave no answer') === true)
  expect(pool.stakes().reasonOf(wallet(mute))).toContain('you have not staked yet')
  await pool.until(async () => (await earners()) === wallet(willing))
  expect(pool.stakes().isStaked(wallet(willing))).toBe(false)
  await pool.answer(mute)
  await pool.until(isActive)
  await pool.until(async () => (await pool.members()).length === 2)
})

it('finds whoever signs and then spends its stake, and spares the others', { timeout: 90_000 }, async () => {
  const [willing, spender] = (await pool.operators(2)) as [PrivateKeyAccount, PrivateKeyAccount]
  pool.answers.set(wallet(willing), 'silent')
  pool.stand([willing, spender])
  await pool.until(() => pool.toldTo(spender)?.state === 'signed')
  await pool.spend(spender, stakeAtomic)
  await pool.answer(willing)
  await pool.until(() => pool.toldTo(spender)?.words.includes('had it no more') === true)
  await pool.until(async () => (await earners()) === wallet(willing))
  expect(await pool.chain.usdcOf(willing.address)).toBe(stakeAtomic)
})

it('ends what a spender had signed before another is asked for its stake, and asks the spender first then', {
  timeout: 90_000,
}, async () => {
  const members = await pool.operators(3)
  for (const member of members) pool.answers.set(wallet(member), 'agree')
  pool.stand(members)
  const asked = () => members.filter(member => pool.offersTo(member).some(({ needsStake }) => needsStake))
  await pool.until(() => asked().length === 1)
  const spender = asked()[0]!
  await pool.answer(spender)
  await pool.until(() => asked().length === 2)
  const next = asked().find(member => member !== spender)!
  await pool.spend(spender, stakeAtomic)
  const { salt } = pool.offersTo(spender).at(-1)!.terms
  for (const member of members) pool.answers.set(wallet(member), 'sign')
  await pool.answer(next)
  await pool.until(() => pool.toldTo(spender)?.words.includes('had it no more') === true)
  // Nothing had gone to the chain.
  expect(pool.faults).toEqual([])
  expect(asked()).toHaveLength(2)
  const others = members.filter(member => member !== spender)
  // Others are seated before it, and nobody is asked for a stake beside it, for an hour; a process that comes after knows it too.
  await quietFor(spender, others, 3_600)
  // Once it has a stake again it is asked for it before anybody.
  const before = pool.offersTo(next).length
  await pool.chain.mintUsdc(spender.address, stakeAtomic)
  pool.answers.set(wallet(spender), 'agree')
  await pool.until(
    () => pool.offersTo(spender).at(-1)!.terms.salt !== salt && pool.offersTo(spender).at(-1)!.needsStake,
  )
  expect(
    pool
      .offersTo(next)
      .slice(before)
      .map(({ needsStake }) => needsStake),
  ).not.toContain(true)
  await pool.answer(spender)
  await pool.until(isActive)
})

it('has one that spends its stake when it is asked last be quiet, longer each time', { timeout: 90_000 }, async () => {
  const members = (await pool.operators(2)) as [PrivateKeyAccount, PrivateKeyAccount]
  const stakesAsked = (account: PrivateKeyAccount) => pool.offersTo(account).filter(({ needsStake }) => needsStake)
  for (const member of members) pool.answers.set(wallet(member), 'agree')
  pool.stand(members)
  const [honest, spender] = members
  await pool.until(() => stakesAsked(honest).length === 1)
  await pool.answer(honest)
  await pool.until(() => stakesAsked(spender).length === 1)
  await pool.spend(spender, stakeAtomic)
  await pool.answer(spender)
  await pool.until(() => pool.toldTo(spender)?.words.includes('had it no more') === true)
  await quietFor(spender, [honest], 3_600)
  // Asked first from now on: what it does again costs nobody else anything.
  await pool.chain.mintUsdc(spender.address, stakeAtomic)
  pool.answers.set(wallet(spender), 'agree')
  await pool.until(() => stakesAsked(spender).length === 2)
  await pool.spend(spender, stakeAtomic)
  await pool.answer(spender)
  await pool.until(() => pool.toldTo(spender)?.words.includes('had it no more') === true)
  await quietFor(spender, [honest], 4 * 3_600)
  expect(stakesAsked(honest)).toHaveLength(1)
})

it('ends at once what the chain will not take for somebody has spent its stake', { timeout: 90_000 }, async () => {
  const [willing, spender] = (await pool.operators(2)) as [PrivateKeyAccount, PrivateKeyAccount]
  const dies = pool.dieAt('stakes:signed')
  pool.stand([willing, spender])
  await dies
  // A killed process takes no word any more; this one may still hold some that were said twice, and would find the spender by them.
  await pool.stakes().close()
  const { salt } = pool.offersTo(spender).at(-1)!.terms
  await pool.spend(spender, stakeAtomic)
  pool.faults.length = 0
  await pool.restart()
  await pool.until(() => pool.toldTo(spender)?.words.includes('had it no more') === true)
  // It was tried once.
  expect(pool.faults).toMatchObject([{ code: 'chain_reverted' }])
  await pool.until(async () => (await earners()) === wallet(willing))
  await pool.passSeconds(3_700)
  await pool.until(() => pool.offersTo(willing).at(-1)!.terms.salt !== salt)
})

it('takes a word that could not be judged once the chain can be read', { timeout: 90_000 }, async () => {
  const members = await pool.operators(2)
  pool.failReads(2)
  pool.stand(members)
  await pool.until(isActive)
  expect(pool.faults).not.toEqual([])
})

it('tells a wallet with two spans that do not touch that it stays unstaked', { timeout: 90_000 }, async () => {
  const [twice, other] = (await pool.operators(2)) as [PrivateKeyAccount, PrivateKeyAccount]
  pool.stand([twice, other, twice])
  await pool.until(() => pool.toldTo(twice)?.words.includes('which is no one span') === true)
  expect(pool.ring()).toEqual({ state: 'none', coalition: null, staked: 0, of: 2 })
  expect(pool.offersTo(twice)).toEqual([])
  expect(pool.stakes().reasonOf(wallet(twice))).toContain('you have not staked yet')
  await pool.until(async () => (await earners()) === wallet(other))
})

it('takes a wallet’s two seats that touch as one party', { timeout: 90_000 }, async () => {
  const [twice, other] = (await pool.operators(2)) as [PrivateKeyAccount, PrivateKeyAccount]
  pool.stand([twice, twice, other])
  await pool.until(isActive)
  expect(pool.ring()).toMatchObject({ staked: 2, of: 2 })
  expect(pool.offersTo(twice)[0]!.terms.parties).toMatchObject([
    { firstLayer: 0, endLayer: 8 },
    { firstLayer: 8, endLayer: 12 },
  ])
})

it('does not stake a wallet that holds too little, and says so', { timeout: 90_000 }, async () => {
  const [rich] = (await pool.operators(1)) as [PrivateKeyAccount]
  const [poor] = (await pool.operators(1, stakeAtomic - 1n)) as [PrivateKeyAccount]
  pool.stand([rich, poor])
  await pool.until(() => pool.toldTo(poor)?.words.includes('holds less than the stake of 5 USDC') === true)
  expect(await pool.chain.usdcOf(rich.address)).toBe(stakeAtomic)
})

it('has two rings stake side by side, each its own', { timeout: 90_000 }, async () => {
  const [a, b, c, d] = (await pool.operators(4)) as [PrivateKeyAccount, ...PrivateKeyAccount[]] as PrivateKeyAccount[]
  pool.stand([a!, b!], [c!, d!])
  await pool.until(() => isActive(0) && isActive(1))
  expect(new Set([a, b, c, d].map(one => id(one!))).size).toBe(2)
  await pool.until(async () => (await pool.members()).length === 4)
})

it('never offers terms to one that was found guilty again, and the others go on without it', {
  timeout: 90_000,
}, async () => {
  const [honest, culprit, comes] = (await pool.operators(3)) as [
    PrivateKeyAccount,
    PrivateKeyAccount,
    PrivateKeyAccount,
  ]
  pool.stand([honest, culprit])
  await pool.until(isActive)
  const coalition = id(honest)
  const accuser = pool.chain.accounts.payers[3]!
  await pool.chain.mintUsdc(accuser.address, 10_000_000n)
  const dispute = await pool.registry.accuse(coalition, { accused: culprit, accuser })
  await pool.registry.decide(dispute, true)
  await pool.until(() => pool.stakes().stakeOf(wallet(culprit)).state === 'slashed')
  expect(pool.stakes().isStaked(wallet(culprit))).toBe(false)
  const before = pool.offersTo(culprit).length
  pool.stand([culprit, honest])
  await pool.until(() => pool.toldTo(culprit)?.state === 'slashed')
  await pool.stakes().idle()
  expect(pool.offersTo(culprit)).toHaveLength(before)
  pool.stand([honest, comes])
  await pool.until(isActive)
  expect(pool.stakes().coalitionOf(wallet(comes))?.id).toBe(coalition)
  await pool.restart()
  await pool.until(() => pool.stakes().stakeOf(wallet(culprit)).state === 'slashed')
})

it('renews a coalition before it ends, and gives all stakes back when one does end', { timeout: 90_000 }, async () => {
  const members = (await pool.operators(2)) as [PrivateKeyAccount, PrivateKeyAccount]
  pool.stand(members)
  await pool.until(isActive)
  const coalition = id(members[0])
  const endsAt = async (): Promise<bigint> => (await pool.registry.stateOf(coalition))[3]
  const before = await endsAt()
  await pool.passSeconds(6 * 86_400)
  await pool.until(async () => (await endsAt()) > before)
  expect(pool.stakes().coalitionOf(wallet(members[0]))?.id).toBe(coalition)
  pool.stand()
  await pool.passSeconds(8 * 86_400)
  await pool.until(() => pool.stakes().stakeOf(wallet(members[0])).state === 'unbonding')
  await pool.passSeconds(3_601)
  for (const { address } of members) await pool.until(async () => (await pool.chain.usdcOf(address)) === stakeAtomic)
})

it('pays a newcomer beside one whose stake lies with others that are gone', { timeout: 90_000 }, async () => {
  const [stays, gone, too, comes] = (await pool.operators(4)) as [PrivateKeyAccount, ...PrivateKeyAccount[]] as Four
  pool.stand([stays, gone, too])
  await pool.until(isActive)
  // No half of its coalition is left, and it holds no second stake.
  pool.stand([stays, comes])
  await pool.until(async () => (await earners()) === [stays, comes].map(wallet).sort().join())
  // However often they are asked: that it holds no second stake is seen before anybody gives one.
  const before = pool.offersTo(comes).length
  await pool.until(() => pool.offersTo(comes).length >= before + 2)
  expect(pool.offersTo(comes).map(({ needsStake }) => needsStake)).not.toContain(true)
})
