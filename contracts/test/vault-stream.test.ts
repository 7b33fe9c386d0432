import { type Abi, parseAbi } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  compileTimeoutMs,
  liquidationPeriodSeconds,
  maxLeaseSeconds,
  maxSessionSeconds,
  openVaultBench,
  operators,
  priceAtomic,
  rateWei,
  roles,
  slackSeconds,
  usdc,
  type VaultBench,
  weiPerAtomic,
} from './vault-bench.ts'

let bench: VaultBench

beforeAll(async () => {
  bench = await openVaultBench()
  await bench.fund(usdc(10))
  await bench.setUnits(1n, [1n, 1n, 2n])
}, compileTimeoutMs)

afterAll(() => bench.close())

const bufferWei = rateWei * BigInt(liquidationPeriodSeconds)

test('a session streams while it runs, pays exactly what is due, and refunds the rest', () =>
  bench.apart(async () => {
    const { id, payer, account } = await bench.openSession(usdc(1))
    expect((await bench.set(id, 1n)).names).toEqual(['StreamSet'])
    expect(await bench.poolRate()).toBe(rateWei)
    expect(await bench.holdings(account)).toBe(bufferWei + rateWei * BigInt(maxLeaseSeconds))

    await bench.wait(9)
    expect(await bench.received(operators[2])).toBe((9n * rateWei) / 2n)
    expect(await bench.received(operators[0])).toBe((9n * rateWei) / 4n)

    const close = await bench.send(roles.keeper, 'close', [id, 2n, 10_500n])
    expect(close.names).toEqual(['Distributed', 'SessionClosed'])
    expect(close.events.at(-1)?.args).toEqual({
      ...{ id, dueAtomic: 10_500n, refundedAtomic: usdc(1) - 10_500n, by: expect.stringMatching(/^0x6e/i) },
    })
    expect(await bench.receivedByAll()).toBe(10_500n * weiPerAtomic)
    expect(await bench.usdcOf(payer.address)).toBe(usdc(1) - 10_500n)
    expect([await bench.poolRate(), await bench.holdings(account)]).toEqual([0n, 0n])
    expect(await bench.read('reserveFreeWei')).toBe(usdc(10) * weiPerAtomic)
  }))

test('two sessions add up, and the first to stop leaves the other’s rate and money alone', () =>
  bench.apart(async () => {
    const first = await bench.openSession(usdc(1))
    const second = await bench.openSession(usdc(1))
    await bench.set(first.id, 1n)
    await bench.set(second.id, 1n, { running: 2n })
    expect(await bench.poolRate()).toBe(3n * rateWei)
    expect(await bench.read('liveRateWei')).toBe(3n * rateWei)
    expect(await bench.read('liveSessions', [0n, 10n])).toEqual([first.id, second.id])
    expect(await bench.read('liveSessions', [1n, 10n])).toEqual([second.id])
    expect(await bench.read('liveSessions', [2n, 10n])).toEqual([])

    const before = await bench.session(second.id)
    await bench.send(roles.keeper, 'close', [first.id, 2n, 2_000n])
    expect(await bench.poolRate()).toBe(2n * rateWei)
    expect(await bench.session(second.id)).toEqual(before)
    await bench.send(roles.keeper, 'close', [second.id, 2n, 6_000n], { after: 2 })
    expect(await bench.receivedByAll()).toBe(8_000n * weiPerAtomic)
    expect(await bench.usdcOf(first.payer.address)).toBe(usdc(1) - 2_000n)
    expect(await bench.usdcOf(second.payer.address)).toBe(usdc(1) - 6_000n)
  }))

test('a repeated, stale or late command changes nothing but tells so', () =>
  bench.apart(async () => {
    const { id } = await bench.openSession(usdc(1))
    await bench.set(id, 5n)
    const before = await bench.session(id)
    for (const epoch of [5n, 4n, 0n]) {
      expect((await bench.set(id, epoch, { running: 0n, due: 9_000n })).names).toEqual(['Superseded'])
      expect((await bench.send(roles.keeper, 'close', [id, epoch, 9_000n])).names).toEqual(['Superseded'])
    }
    expect(await bench.session(id)).toEqual(before)
    await bench.send(roles.keeper, 'close', [id, 6n, 0n])
    const closed = await bench.session(id)
    expect((await bench.set(id, 7n)).names).toEqual(['Superseded'])
    expect((await bench.send(roles.keeper, 'close', [id, 8n, 900n])).names).toEqual(['Superseded'])
    expect((await bench.send(roles.stranger, 'end', [id])).names).toEqual([])
    expect(await bench.session(id)).toEqual(closed)
    expect(await bench.refusal(roles.keeper, 'set', [`0x${'11'.repeat(32)}`, 1n, 0n, 0n, 0n])).toBe('SessionUnknown')
  }))

test('a lease is cut to the longest allowed, to the session’s life, and to what the cap still pays', () =>
  bench.apart(async () => {
    const long = await bench.openSession(usdc(10))
    await bench.set(long.id, 1n, { leaseSeconds: 10_000 })
    expect((await bench.session(long.id)).leaseUntil).toBe(BigInt(bench.now() + maxLeaseSeconds))

    // 5.9 seconds of two requests at once, of which 1 is due: 4 whole seconds.
    const short = await bench.openSession(11_800n)
    await bench.set(short.id, 1n, { running: 2n, due: 2_000n })
    expect(await bench.session(short.id)).toMatchObject({ leaseUntil: BigInt(bench.now() + 4), dueAtomic: 2_000n })

    const old = await bench.openSession(usdc(10))
    await bench.wait(maxSessionSeconds - 11)
    await bench.set(old.id, 1n)
    expect((await bench.session(old.id)).leaseUntil).toBe((await bench.session(old.id)).expiresAt)
  }))

test('a command that comes after its own lease, or finds the cap spent, is a stop', () =>
  bench.apart(async () => {
    const late = await bench.openSession(usdc(1))
    await bench.set(late.id, 1n)
    await bench.set(late.id, 2n, { leaseSeconds: 0, due: 1_000n })
    expect(await bench.session(late.id)).toMatchObject({ state: 1, rateWei: 0n, epoch: 2n, dueAtomic: 1_000n })

    const spent = await bench.openSession(3_000n)
    await bench.set(spent.id, 1n, { due: 3_000n })
    expect(await bench.session(spent.id)).toMatchObject({ state: 1, rateWei: 0n, dueAtomic: 3_000n })
    expect(await bench.poolRate()).toBe(0n)
    await bench.send(roles.keeper, 'close', [spent.id, 2n, 3_000n])
    expect(await bench.usdcOf(spent.payer.address)).toBe(0n)
  }))

test('the chain bounds the due: by the cap, by seconds streamed plus slack, and never backwards', () =>
  bench.apart(async () => {
    const { id } = await bench.openSession(20_000n)
    const slack = priceAtomic * BigInt(slackSeconds)
    const idle = await bench.send(roles.keeper, 'set', [id, 1n, 0n, 0n, 1_000_000n])
    expect(idle.names).toContain('DueBounded')
    expect((await bench.session(id)).dueAtomic).toBe(slack)

    await bench.set(id, 2n, { due: slack })
    await bench.set(id, 3n, { running: 0n, due: slack - 1n, after: 4 })
    expect((await bench.session(id)).dueAtomic).toBe(slack)
    await bench.set(id, 4n, { running: 0n, due: 1_000_000n })
    // Four commands and four seconds.
    expect((await bench.session(id)).dueAtomic).toBe(4n * slack + 4n * priceAtomic)
    const close = await bench.send(roles.keeper, 'close', [id, 5n, 1_000_000n])
    expect(close.names).toContain('DueBounded')
    expect((await bench.session(id)).dueAtomic).toBe(19_000n)
    const { id: tiny } = await bench.openSession(1_500n)
    await bench.send(roles.keeper, 'close', [tiny, 1n, 1_000_000n])
    expect((await bench.session(tiny)).dueAtomic).toBe(1_500n)
  }))

test('a rate is the price times 0 to 16 requests', () =>
  bench.apart(async () => {
    const { id } = await bench.openSession(usdc(10))
    const lease = BigInt(bench.now() + 20)
    for (const wrong of [1n, rateWei - 1n, rateWei + weiPerAtomic, 17n * rateWei]) {
      expect(await bench.refusal(roles.keeper, 'set', [id, 1n, wrong, lease, 0n])).toBe('RateNotAllowed')
    }
    await bench.set(id, 1n, { running: 16n })
    expect(await bench.poolRate()).toBe(16n * rateWei)
  }))

test('a session’s account holds its lease and buffer and no more, whatever the rate becomes', () =>
  bench.apart(async () => {
    const { id, account } = await bench.openSession(usdc(10))
    const seen: bigint[] = []
    for (const [epoch, running] of [1n, 3n, 2n, 2n].entries()) {
      await bench.set(id, BigInt(epoch + 1), { running, leaseSeconds: 20, after: 5 })
      seen.push((await bench.holdings(account)) / rateWei)
    }
    expect(seen).toEqual([80n, 240n, 160n, 160n])
    expect(await bench.read('reserveLockedWei')).toBe(2n * rateWei * BigInt(liquidationPeriodSeconds + maxLeaseSeconds))
    await bench.set(id, 5n, { running: 0n })
    expect([await bench.holdings(account), await bench.read('reserveLockedWei')]).toEqual([0n, 0n])
    // Stopping what stands still is harmless.
    expect((await bench.set(id, 6n, { running: 0n })).names).toEqual(['StreamSet'])
  }))

test('a stream that the reserve could not carry does not start', () =>
  bench.apart(async () => {
    const lock = await bench.read<bigint>('lockFor', [rateWei])
    expect(lock).toBe(bufferWei + rateWei * BigInt(maxLeaseSeconds))
    await bench.send(roles.owner, 'withdrawReserve', [usdc(10) - lock / weiPerAtomic, roles.owner])
    const { id } = await bench.openSession(usdc(10))
    const lease = BigInt(bench.now() + 20)
    expect(await bench.refusal(roles.keeper, 'set', [id, 1n, 2n * rateWei, lease, 0n])).toBe('ReserveTooSmall')
    expect(await bench.session(id)).toMatchObject({ state: 1, epoch: 0n })
    await bench.set(id, 1n)
    expect(await bench.read('reserveFreeWei')).toBe(0n)
    const other = await bench.openSession(usdc(10))
    expect(await bench.refusal(roles.keeper, 'set', [other.id, 1n, rateWei, lease, 0n])).toBe('ReserveTooSmall')
    expect(await bench.refusal(roles.owner, 'withdrawReserve', [1n, roles.owner])).toBe('ReserveTooSmall')
  }))

test('start and close, or two starts, in one block come out exact', () =>
  bench.apart(async () => {
    const [a, b] = [await bench.openSession(usdc(1)), await bench.openSession(usdc(1))]
    const lease = BigInt(bench.now() + 20)
    const from = roles.keeper
    const outcomes = await bench.together([
      { from, functionName: 'set', args: [a.id, 1n, rateWei, lease, 0n] },
      { from, functionName: 'set', args: [b.id, 1n, rateWei, lease, 0n] },
      { from, functionName: 'close', args: [a.id, 2n, 0n] },
    ])
    expect(outcomes).toEqual([true, true, true])
    expect([await bench.poolRate(), await bench.receivedByAll()]).toEqual([rateWei, 0n])
    expect(await bench.usdcOf(a.payer.address)).toBe(usdc(1))
  }))

test('units are absolute: who is not listed has none, and money follows at once', () =>
  bench.apart(async () => {
    const { id } = await bench.openSession(usdc(1))
    await bench.set(id, 1n)
    await bench.wait(4)
    await bench.send(roles.keeper, 'setUnits', [2n, [operators[3], operators[0]], [3n, 1n]], { after: 4 })
    expect(await bench.read('members')).toEqual([
      [operators[3], operators[0]].map(one => expect.stringMatching(new RegExp(one, 'i'))),
      [3n, 1n],
    ])
    await bench.wait(4)
    const received = await Promise.all(operators.map(bench.received))
    // Rounding by units turns away some wei a second, until the next renewal spreads the rate anew.
    const nearest = received.map(wei => (wei + weiPerAtomic / 2n) / weiPerAtomic)
    expect(nearest).toEqual([2n + 1n, 2n, 4n, 3n].map(seconds => seconds * priceAtomic))
    expect((await bench.setUnits(2n, [9n])).names).toEqual(['Superseded'])
    expect(await bench.read('unitsEpoch')).toBe(2n)
  }))

test('a list of units that has no one meaning is refused', () =>
  bench.apart(async () => {
    const [a, b] = operators
    const many = Array.from({ length: 33 }, (_, index) => `0x${String(index + 1).padStart(40, '0')}`)
    const wrong: [readonly unknown[], readonly bigint[]][] = [
      [
        [a, a],
        [1n, 1n],
      ],
      [[a], [0n]],
      [
        [a, b],
        [5_001n, 5_000n],
      ],
      [[a, b], [1n]],
      [[bench.vault], [1n]],
      [many, many.map(() => 1n)],
    ]
    for (const [accounts, units] of wrong) {
      expect(await bench.refusal(roles.keeper, 'setUnits', [2n, accounts, units])).toBe('UnitsInvalid')
    }
    expect(await bench.refusal(roles.keeper, 'setUnits', [2n, [bench.pool], [1n]])).toBe(
      'SUPERFLUID_POOL_NO_POOL_MEMBERS',
    )
    await bench.setUnits(2n, [5_000n, 5_000n])
  }))

test('without units nothing starts; when they go mid-stream the money comes back and waits for the next operators', () =>
  bench.apart(async () => {
    const { id, payer } = await bench.openSession(usdc(1))
    await bench.set(id, 1n)
    await bench.setUnits(2n, [])
    await bench.wait(5)
    const lease = BigInt(bench.now() + 20)
    expect(await bench.refusal(roles.keeper, 'set', [id, 2n, rateWei, lease, 0n])).toBe('NoUnits')
    expect([await bench.poolRate(), await bench.adjustmentRate()]).toEqual([0n, rateWei])

    await bench.send(roles.keeper, 'setUnits', [3n, [operators[3]], [7n]])
    expect(await bench.received(operators[3])).toBe(7n * rateWei)
    await bench.set(id, 2n, { due: 9_000n })
    expect((await bench.poolRate()) + 7n > rateWei).toBe(true)
    await bench.send(roles.keeper, 'close', [id, 3n, 10_000n])
    expect(await bench.usdcOf(payer.address)).toBe(usdc(1) - 10_000n)
    // All but what seven units round away, and that is on show.
    const owed = await bench.read<bigint>('owedWei')
    expect((await bench.receivedByAll()) + owed).toBe(10_000n * weiPerAtomic)
    expect(owed < weiPerAtomic).toBe(true)
  }))

test('an operator that forbids being connected is paid all the same, and holds nobody up', () =>
  bench.apart(async () => {
    const permission = parseAbi(['function setConnectPermission(bool allow)']) as Abi
    const shy = operators[3]
    await bench.giveNative(shy)
    expect((await bench.call(shy, bench.addresses.gda, permission, 'setConnectPermission', [false])).ok).toBe(true)
    await bench.setUnits(2n, [1n, 1n, 1n, 1n])
    const { id } = await bench.openSession(usdc(1))
    await bench.set(id, 1n)
    await bench.wait(4)
    expect([await bench.received(shy), await bench.holdings(shy)]).toEqual([rateWei, 0n])
    expect(await bench.holdings(operators[0])).toBe(rateWei)
  }))
