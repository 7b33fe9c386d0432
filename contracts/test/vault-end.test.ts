import { type Abi, type Hex, parseAbi } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { gdaForwarderAbi, superTokenAbi, usdcAbi } from '../abi/index.ts'
import {
  compileTimeoutMs,
  liquidationPeriodSeconds,
  maxLeaseSeconds,
  maxSessionSeconds,
  openVaultBench,
  operators,
  rateWei,
  roles,
  usdc,
  type VaultBench,
  weiPerAtomic,
} from './vault-bench.ts'

const reserveAtomic = usdc(10)
const leaseDue = BigInt(maxLeaseSeconds) * 1_000n

let bench: VaultBench

beforeAll(async () => {
  bench = await openVaultBench()
  await bench.fund(reserveAtomic)
  await bench.setUnits(1n, [1n, 1n])
}, compileTimeoutMs)

afterAll(() => bench.close())

const reserve = () => bench.read<bigint>('reserveWei')
/** USDCx made of fresh USDC, by somebody who has nothing to do with the vault. */
async function gift(to: Hex, amountAtomic: bigint): Promise<void> {
  await bench.mint(roles.stranger, amountAtomic)
  await bench.call(roles.stranger, bench.addresses.usdc, usdcAbi as Abi, 'approve', [
    bench.addresses.usdcx,
    amountAtomic,
  ])
  await bench.call(roles.stranger, bench.addresses.usdcx, superTokenAbi as Abi, 'upgrade', [
    amountAtomic * weiPerAtomic,
  ])
  const args = [to, amountAtomic * weiPerAtomic]
  expect((await bench.call(roles.stranger, bench.addresses.usdcx, superTokenAbi as Abi, 'transfer', args)).ok).toBe(
    true,
  )
}

test('a payer ends its session at any time and pays the seconds streamed', () =>
  bench.apart(async () => {
    const { id, payer } = await bench.openSession(usdc(1))
    await bench.giveNative(payer.address)
    await bench.set(id, 1n)
    await bench.set(id, 2n, { due: 1_500n, after: 2 })
    await bench.wait(4)
    expect(await bench.refusal(roles.stranger, 'end', [id])).toBe('NotExpired')
    await bench.send(payer.address, 'end', [id])
    // 1.5 seconds by the meter, and 6 by the chain since it told them.
    expect(await bench.session(id)).toMatchObject({ state: 3, dueAtomic: 7_500n, refundedAtomic: usdc(1) - 7_500n })
    expect(await bench.usdcOf(payer.address)).toBe(usdc(1) - 7_500n)
    // 8 seconds were streamed: half a second in advance.
    expect(await bench.receivedByAll()).toBe(8n * rateWei)
    expect(await bench.read('prepaidWei')).toBe(rateWei / 2n)
  }))

test('a dead orchestrator costs the payer the lease, and the reserve the rest', () =>
  bench.apart(async () => {
    const { id, payer } = await bench.openSession(usdc(1))
    await bench.set(id, 1n)
    await bench.wait(maxLeaseSeconds - 2)
    expect(await bench.refusal(roles.stranger, 'end', [id])).toBe('NotExpired')
    expect(await bench.read('expired', [9n])).toEqual([])
    await bench.wait(11)
    expect(await bench.read('expired', [9n])).toEqual([id])

    const { names, events } = await bench.send(roles.stranger, 'reap', [[id]])
    expect(names).toEqual(['Overrun', 'SessionClosed'])
    expect(events[0]!.args).toEqual({ id, amountWei: 11n * rateWei })
    expect(await bench.usdcOf(payer.address)).toBe(usdc(1) - leaseDue)
    expect(await reserve()).toBe(reserveAtomic * weiPerAtomic - 11n * rateWei)
    expect(await bench.read('prepaidWei')).toBe(11n * rateWei)

    // What operators have in advance, the next dues repay.
    const next = await bench.openSession(usdc(1))
    await bench.send(roles.keeper, 'close', [next.id, 1n, 3_000n])
    expect(await bench.usdcOf(next.payer.address)).toBe(usdc(1) - 3_000n)
    expect(await bench.read('prepaidWei')).toBe(8n * rateWei)
    expect(await bench.receivedByAll()).toBe(41n * rateWei)
  }))

test('an idle session may be ended by anyone once its life is over, for what it owes', () =>
  bench.apart(async () => {
    const idle = await bench.openSession(usdc(1))
    const closed = await bench.openSession(usdc(1))
    const young = await bench.openSession(usdc(1))
    await bench.send(roles.keeper, 'set', [idle.id, 1n, 0n, 0n, 2_000n])
    await bench.send(roles.keeper, 'close', [closed.id, 1n, 0n])
    await bench.wait(maxSessionSeconds - 4)
    expect(await bench.read('expired', [9n])).toEqual([idle.id])
    await bench.wait(2)
    expect(await bench.read('expired', [9n])).toEqual([idle.id, young.id])
    expect(await bench.read('expired', [1n])).toEqual([idle.id])
    expect((await bench.send(roles.stranger, 'reap', [[idle.id, closed.id, idle.id]])).names).toEqual(['SessionClosed'])
    expect(await bench.usdcOf(idle.payer.address)).toBe(usdc(1) - 2_000n)
    for (let more = 0; more < 3; more++) await bench.openSession(usdc(1))
    expect(await bench.read('expired', [9n])).toEqual([young.id])
  }))

test('a liquidated stream costs the reserve its buffer, and no session anything', () =>
  bench.apart(async () => {
    const { id, payer, account } = await bench.openSession(usdc(1))
    const other = await bench.openSession(usdc(1))
    await bench.set(id, 1n)
    await bench.set(other.id, 1n)
    await bench.wait(maxLeaseSeconds + 4)
    const { usdcx, gdaForwarder } = bench.addresses
    const stop = [usdcx, account, bench.pool, 0n, '0x']
    await bench.send(roles.keeper, 'close', [other.id, 2n, 20_000n])
    expect((await bench.call(roles.stranger, gdaForwarder, gdaForwarderAbi as Abi, 'distributeFlow', stop)).ok).toBe(
      true,
    )
    const streamed = rateWei * BigInt(maxLeaseSeconds + 7)
    await bench.wait(20)

    const { names } = await bench.send(roles.stranger, 'end', [id])
    expect(names.slice(0, 2)).toEqual(['Overrun', 'AccountAdjusted'])
    expect(await bench.usdcOf(payer.address)).toBe(usdc(1) - leaseDue)
    expect(await bench.usdcOf(other.payer.address)).toBe(usdc(1) - 20_000n)
    const lost = rateWei * BigInt(liquidationPeriodSeconds - 7)
    const dues = (leaseDue + 20_000n) * weiPerAtomic
    const received = await bench.receivedByAll()
    expect(received).toBe(streamed + rateWei * BigInt(maxLeaseSeconds + 5))
    expect(await reserve()).toBe(reserveAtomic * weiPerAtomic - lost - (received - dues))
    expect(await bench.holdings(bench.vault)).toBe(await reserve())
  }))

test('a stream that outlived its buffer leaves a debt, which the reserve covers, and refunds stay whole', () =>
  bench.apart(async () => {
    const lock = await bench.read<bigint>('lockFor', [rateWei])
    await bench.send(roles.owner, 'withdrawReserve', [reserveAtomic - lock / weiPerAtomic, roles.owner])
    const { id, payer, account } = await bench.openSession(usdc(1))
    const idle = await bench.openSession(usdc(1))
    await bench.set(id, 1n)
    const seconds = maxLeaseSeconds + liquidationPeriodSeconds + 300
    await bench.send(roles.stranger, 'end', [id], { after: seconds })
    expect(await bench.usdcOf(payer.address)).toBe(usdc(1) - leaseDue)
    const debt = 300n * rateWei
    expect([await bench.holdings(account), await bench.read('debtWei')]).toEqual([-debt, debt])
    expect(await reserve()).toBe(lock - rateWei * BigInt(seconds - maxLeaseSeconds))
    await bench.send(roles.keeper, 'close', [idle.id, 1n, 0n])
    expect(await bench.usdcOf(idle.payer.address)).toBe(usdc(1))
    expect(await bench.refusal(roles.owner, 'withdrawReserve', [1n, roles.owner])).toBe('ReserveTooSmall')

    // The lock's lease is there to pay a part; new reserve pays the rest.
    await bench.send(roles.stranger, 'cover', [id])
    expect(await bench.read('debtWei')).toBe(debt - 30n * rateWei)
    expect(await bench.holdings(bench.vault)).toBe(0n)
    await bench.fund(usdc(1))
    await bench.send(roles.stranger, 'cover', [id])
    expect([await bench.holdings(account), await bench.read('debtWei')]).toEqual([0n, 0n])
    expect(await bench.holdings(bench.vault)).toBe(await reserve())
    expect(await bench.refusal(roles.stranger, 'cover', [id])).toBe('AmountInvalid')
  }))

test('a stopped session with a debt may stream again, and pays it off from the reserve', () =>
  bench.apart(async () => {
    const { id, account } = await bench.openSession(usdc(1))
    await bench.set(id, 1n)
    const stop = await bench.set(id, 2n, { running: 0n, due: 30_000n, after: 190 })
    expect(stop.names).toContain('DebtLeft')
    await bench.set(id, 3n, { due: 30_000n })
    expect(await bench.read('debtWei')).toBe(0n)
    expect(await bench.holdings(account)).toBe(rateWei * BigInt(maxLeaseSeconds + liquidationPeriodSeconds))
    await bench.send(roles.keeper, 'close', [id, 4n, 31_000n])
    expect(await bench.holdings(bench.vault)).toBe(await reserve())
  }))

test('a stranger’s gift to an account goes to the reserve, one to the vault to the operators', () =>
  bench.apart(async () => {
    const { id, payer, account } = await bench.openSession(usdc(1))
    await bench.set(id, 1n)
    await gift(account, usdc(3))
    const close = await bench.send(roles.keeper, 'close', [id, 2n, 5_000n])
    expect(close.names).toContain('AccountAdjusted')
    expect(await bench.usdcOf(payer.address)).toBe(usdc(1) - 5_000n)
    expect(await reserve()).toBe((reserveAtomic + usdc(3)) * weiPerAtomic)

    await gift(bench.vault, usdc(2))
    const next = await bench.openSession(usdc(1))
    await bench.send(roles.keeper, 'close', [next.id, 1n, 1_000n])
    expect(await bench.usdcOf(next.payer.address)).toBe(usdc(1) - 1_000n)
    expect(await bench.receivedByAll()).toBe((usdc(2) + 6_000n) * weiPerAtomic)
  }))

test('the owner withdraws its free reserve and not an atomic unit more', () =>
  bench.apart(async () => {
    const { id } = await bench.openSession(usdc(50))
    await bench.set(id, 1n)
    const locked = await bench.read<bigint>('lockFor', [rateWei])
    const free = reserveAtomic - locked / weiPerAtomic
    expect(await bench.refusal(roles.owner, 'withdrawReserve', [free + 1n, roles.stranger])).toBe('ReserveTooSmall')
    await bench.send(roles.owner, 'withdrawReserve', [free, roles.stranger])
    expect(await bench.usdcOf(roles.stranger)).toBe(free)
    expect(await bench.refusal(roles.owner, 'withdrawReserve', [0n, roles.owner])).toBe('AmountInvalid')
    await bench.send(roles.keeper, 'close', [id, 2n, 4_000n])
    await bench.send(roles.owner, 'withdrawReserve', [locked / weiPerAtomic, roles.stranger])
    expect(await bench.holdings(bench.vault)).toBe(0n)
  }))

test('only the vault moves an account, and only through the vault’s own clone', () =>
  bench.apart(async () => {
    const accountAbi = parseAbi([
      'function setFlow(int96 rateWei)',
      'function giveBack(uint256 amountWei)',
      'error NotVault(address account)',
    ]) as Abi
    const { id, account } = await bench.openSession(usdc(1))
    await bench.set(id, 1n)
    const implementation = await bench.read<Hex>('accountImplementation')
    for (const target of [account, implementation]) {
      for (const [name, argument] of [
        ['setFlow', 0n],
        ['giveBack', 1n],
      ] as const) {
        const { ok, hash } = await bench.call(roles.keeper, target, accountAbi, name, [argument])
        expect([ok, await bench.reasonOf(hash, accountAbi)]).toEqual([false, 'NotVault'])
      }
    }
    // Nor can a stranger stop a solvent stream at Superfluid itself.
    const stop = [bench.addresses.usdcx, account, bench.pool, 0n, '0x']
    expect(
      (await bench.call(roles.stranger, bench.addresses.gdaForwarder, gdaForwarderAbi as Abi, 'distributeFlow', stop))
        .ok,
    ).toBe(false)
    expect(await bench.poolRate()).toBe(rateWei)
  }))

test('with too little gas a refund or a reaping reverts whole, and is never half done', () =>
  bench.apart(async () => {
    const { id, payer } = await bench.openSession(usdc(1))
    await bench.set(id, 1n)
    await bench.wait(40)
    const outcomes = new Set<boolean>()
    for (let gas = 420_000n; gas <= 900_000n; gas += 12_000n) {
      await bench.apart(async () => {
        const ended = await bench.attempt(roles.stranger, 'end', [id], { gas })
        const { state } = await bench.session(id)
        outcomes.add(ended === 'ok')
        // Either nothing happened, or all did.
        expect([ended === 'ok', await bench.usdcOf(payer.address)]).toEqual([state === 3, state === 3 ? 970_000n : 0n])
        expect(await bench.read('claimableAtomic', [payer.address])).toBe(0n)
      })
    }
    expect(outcomes).toEqual(new Set([false, true]))
    expect(await bench.attempt(roles.stranger, 'reap', [[id]], { gas: 1_450_000n })).toBe('GasTooLow')
    await bench.send(roles.stranger, 'reap', [[id]], { gas: 1_600_000n })
    expect(await bench.received(operators[0])).toBeGreaterThan(0n)
  }))
