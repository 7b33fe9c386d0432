import { type Abi, type Hex, parseSignature, stringToHex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { usdcAbi } from '../abi/index.ts'
import { artifactOf } from '../build/compile.ts'
import {
  compileTimeoutMs,
  maxSessionSeconds,
  openVaultBench,
  priceAtomic,
  roles,
  usdc,
  type VaultBench,
  weiPerAtomic,
} from './vault-bench.ts'

let bench: VaultBench

beforeAll(async () => {
  bench = await openVaultBench()
}, compileTimeoutMs)

afterAll(() => bench.close())

const redeem = 'transferWithAuthorization'

test('a voucher becomes a session with its value as the cap, wrapped in the vault', () =>
  bench.apart(async () => {
    const { id, payer, account } = await bench.openSession(usdc(1))
    const startedAt = BigInt(bench.now())
    expect(await bench.session(id)).toEqual({
      payer: payer.address,
      ...{ capAtomic: usdc(1), pricePerSecondAtomic: priceAtomic, dueAtomic: 0n, refundedAtomic: 0n, rateWei: 0n },
      ...{ startedAt, leaseUntil: 0n, expiresAt: startedAt + BigInt(maxSessionSeconds), epoch: 0n, state: 1, account },
    })
    expect(await bench.usdcOf(payer.address)).toBe(0n)
    expect(await bench.read('unallocatedAtomic')).toBe(0n)
    expect(await bench.holdings(bench.vault)).toBe(usdc(1) * weiPerAtomic)
  }))

test('one voucher sent twenty times in one block opens one session', () =>
  bench.apart(async () => {
    const payer = await bench.openPayer(usdc(20))
    const voucher = await bench.sign(payer, usdc(1))
    const calls = Array.from({ length: 20 }, () => ({ from: roles.settler, functionName: 'open', args: [voucher] }))
    const outcomes = await bench.together(calls.slice(0, 4))
    outcomes.push(...(await bench.together(calls.slice(4, 8))))
    for (const { from, functionName, args } of calls.slice(8)) {
      outcomes.push((await bench.attempt(from, functionName, args)) === 'ok')
    }
    expect(outcomes).toEqual([true, ...Array.from({ length: 19 }, () => false)])
    expect(await bench.usdcOf(payer.address)).toBe(usdc(19))
    expect(await bench.refusal(roles.settler, 'open', [voucher])).toBe('SessionExists')
    expect(await bench.refusal(roles.settler, 'adopt', [voucher])).toBe('SessionExists')
  }))

test('a voucher that is not good opens nothing and moves nothing', () =>
  bench.apart(async () => {
    const payer = await bench.openPayer(usdc(1))
    const good = await bench.sign(payer, usdc(1))
    const now = BigInt(bench.now())
    const refused: Record<string, unknown> = {
      tampered: { ...good, value: usdc(0.5) },
      'of another payer': { ...good, payer: roles.stranger },
      'to another vault': await bench.sign(payer, usdc(1), { to: roles.stranger }),
      'for another token': await bench.sign(payer, usdc(1), { domain: { verifyingContract: roles.stranger } }),
      'on another chain': await bench.sign(payer, usdc(1), { domain: { chainId: 1 } }),
      expired: await bench.sign(payer, usdc(1), { validBefore: now }),
      'not valid yet': await bench.sign(payer, usdc(1), { validAfter: now + 1_000n }),
      'under-funded': await bench.sign(payer, usdc(2)),
      'below a second': await bench.sign(payer, priceAtomic - 1n),
      'above all use': await bench.sign(payer, 10n ** 15n + 1n),
    }
    const reasons: Record<string, string> = {}
    for (const [name, voucher] of Object.entries(refused))
      reasons[name] = await bench.refusal(roles.settler, 'open', [voucher])
    expect(reasons).toEqual({
      ...{
        tampered: 'InvalidSignature',
        'of another payer': 'InvalidSignature',
        'to another vault': 'InvalidSignature',
      },
      ...{ 'for another token': 'InvalidSignature', 'on another chain': 'InvalidSignature' },
      ...{ expired: 'AuthorizationExpired', 'not valid yet': 'AuthorizationNotYetValid' },
      'under-funded': 'ERC20InsufficientBalance',
      ...{ 'below a second': 'AmountInvalid', 'above all use': 'AmountInvalid' },
    })
    expect(await bench.usdcOf(payer.address)).toBe(usdc(1))
    await bench.send(roles.settler, 'open', [good])
  }))

test('signatures with a bare parity bit, and those of contract wallets, open sessions too', () =>
  bench.apart(async () => {
    const payer = await bench.openPayer(usdc(1))
    const voucher = await bench.sign(payer, usdc(1))
    const { yParity } = parseSignature(voucher.signature)
    await bench.send(roles.settler, 'open', [{ ...voucher, signature: `${voucher.signature.slice(0, -2)}0${yParity}` }])

    const wallet = await bench.deploy(await artifactOf('ContractWallet', ['test/hostile']), [])
    await bench.mint(wallet, usdc(1))
    const signature = stringToHex('open sesame')
    const content = { payer: wallet, value: usdc(1), validAfter: 0n, validBefore: 2n ** 40n, nonce: voucher.nonce }
    expect(await bench.refusal(roles.settler, 'open', [{ ...content, signature: stringToHex('open barley') }])).toBe(
      'InvalidSignature',
    )
    await bench.send(roles.settler, 'open', [{ ...content, signature }])
  }))

test('a voucher that a stranger redeemed first is adopted, once, and only with its money there', () =>
  bench.apart(async () => {
    const payer = await bench.openPayer(usdc(2))
    const voucher = await bench.sign(payer, usdc(1))
    const { validAfter, validBefore, nonce, value } = voucher
    const { r, s, yParity } = parseSignature(voucher.signature)
    expect(await bench.refusal(roles.settler, 'adopt', [voucher])).toBe('AuthorizationUnused')

    const args = [payer.address, bench.vault, value, validAfter, validBefore, nonce, 27 + yParity, r, s]
    expect((await bench.call(roles.stranger, bench.addresses.usdc, usdcAbi as Abi, redeem, args)).ok).toBe(true)
    expect(await bench.refusal(roles.settler, 'open', [voucher])).toBe('AuthorizationAlreadyUsed')
    expect(await bench.refusal(roles.stranger, 'adopt', [voucher])).toBe('NotSettler')
    expect(await bench.refusal(roles.settler, 'adopt', [{ ...voucher, value: usdc(0.9) }])).toBe('SignatureInvalid')

    expect((await bench.send(roles.settler, 'adopt', [voucher])).names).toContain('SessionOpened')
    const id = await bench.read<Hex>('sessionIdOf', [payer.address, nonce])
    expect(await bench.session(id)).toMatchObject({ state: 1, capAtomic: usdc(1), payer: payer.address })
    expect(await bench.read('unallocatedAtomic')).toBe(0n)
    await bench.send(roles.keeper, 'close', [id, 1n, 0n])
    expect(await bench.usdcOf(payer.address)).toBe(usdc(2))
    expect(await bench.refusal(roles.settler, 'adopt', [voucher])).toBe('SessionExists')
  }))

test('a cancelled voucher brings no money, so it is not adopted out of the sessions’ money', () =>
  bench.apart(async () => {
    await bench.openSession(usdc(5))
    const payer = await bench.openPayer(usdc(1))
    const voucher = await bench.sign(payer, usdc(1))
    await bench.cancel(payer, voucher.nonce)
    expect(await bench.refusal(roles.settler, 'open', [voucher])).toBe('AuthorizationAlreadyUsed')
    expect(await bench.refusal(roles.settler, 'adopt', [voucher])).toBe('UnallocatedTooSmall')
  }))

test('each door opens to its own key only', () =>
  bench.apart(async () => {
    const { id, voucher } = await bench.openSession(usdc(1))
    const refusals: Record<string, string> = {}
    const tries: [string, keyof typeof roles, readonly unknown[]][] = [
      ['open', 'keeper', [voucher]],
      ['adopt', 'owner', [voucher]],
      ['set', 'settler', [id, 1n, 0n, 0n, 0n]],
      ['close', 'owner', [id, 1n, 0n]],
      ['setUnits', 'settler', [1n, [], []]],
      ['withdrawReserve', 'keeper', [1n, roles.keeper]],
      ['setPrice', 'keeper', [1n]],
      ['setKeeper', 'keeper', [roles.stranger, true]],
      ['setSettler', 'settler', [roles.stranger, true]],
      ['renounceOwnership', 'owner', []],
      ['end', 'keeper', [id]],
    ]
    for (const [name, who, args] of tries) refusals[`${who} ${name}`] = await bench.refusal(roles[who], name, args)
    expect(refusals).toEqual({
      ...{ 'keeper open': 'NotSettler', 'owner adopt': 'NotSettler' },
      ...{ 'settler set': 'NotKeeper', 'owner close': 'NotKeeper', 'settler setUnits': 'NotKeeper' },
      ...{ 'keeper withdrawReserve': 'OwnableUnauthorizedAccount', 'keeper setPrice': 'OwnableUnauthorizedAccount' },
      ...{ 'keeper setKeeper': 'OwnableUnauthorizedAccount', 'settler setSettler': 'OwnableUnauthorizedAccount' },
      ...{ 'owner renounceOwnership': 'OwnerNeeded', 'keeper end': 'NotExpired' },
    })

    await bench.send(roles.owner, 'setKeeper', [roles.keeper, false])
    expect(await bench.refusal(roles.keeper, 'close', [id, 1n, 0n])).toBe('NotKeeper')
    await bench.send(roles.owner, 'transferOwnership', [roles.stranger])
    expect(await bench.read('owner')).toMatch(/^0x0e0e/i)
    await bench.send(roles.stranger, 'acceptOwnership', [])
    expect(await bench.refusal(roles.owner, 'setPrice', [1n])).toBe('OwnableUnauthorizedAccount')
  }))

test('a session keeps the price it was opened at', () =>
  bench.apart(async () => {
    const before = await bench.openSession(usdc(1))
    await bench.send(roles.owner, 'setPrice', [2n * priceAtomic])
    const after = await bench.openSession(usdc(1))
    expect((await bench.session(before.id)).pricePerSecondAtomic).toBe(priceAtomic)
    expect((await bench.session(after.id)).pricePerSecondAtomic).toBe(2n * priceAtomic)
    expect(await bench.refusal(roles.owner, 'setPrice', [0n])).toBe('PriceInvalid')
    expect(await bench.refusal(roles.owner, 'setPrice', [10n ** 9n + 1n])).toBe('PriceInvalid')
  }))
