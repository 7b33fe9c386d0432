import { type Abi, encodeErrorResult, encodeFunctionData, type Hex, parseAbi } from 'viem'
import { expect, test, vi } from 'vitest'
import { streamVaultAbi } from '../abi/index.ts'
import { compileTimeoutMs, openVaultBench, roles, usdc, type VaultBench, weiPerAtomic } from './vault-bench.ts'

async function withToken(hostileToken: string, body: (bench: VaultBench) => Promise<void>): Promise<void> {
  const bench = await openVaultBench({ hostileToken })
  try {
    await body(bench)
  } finally {
    await bench.close()
  }
}

vi.setConfig({ testTimeout: compileTimeoutMs })

test('a token that keeps a fee opens no session and fills no reserve', () =>
  withToken('FeeToken', async bench => {
    const payer = await bench.openPayer(usdc(1))
    expect(await bench.refusal(roles.settler, 'open', [await bench.sign(payer, usdc(1))])).toBe('TransferShort')
    await expect(bench.fund(usdc(1))).rejects.toThrow('TransferShort')
    expect(await bench.usdcOf(payer.address)).toBe(usdc(1))
  }))

test('a refund that the token refuses ends the session all the same, and waits for its payer', () =>
  withToken('BlockingToken', async bench => {
    const blocking = parseAbi(['function setBlocked(address account, bool blocked)']) as Abi
    await bench.fund(usdc(10))
    await bench.setUnits(1n, [1n])
    const { id, payer } = await bench.openSession(usdc(1))
    const other = await bench.openSession(usdc(1))
    await bench.set(id, 1n)
    await bench.call(roles.owner, bench.addresses.usdc, blocking, 'setBlocked', [payer.address, true])
    await bench.wait(40)

    // In a reaper's list it holds nobody up.
    await bench.giveNative(other.payer.address)
    const reap = await bench.send(roles.stranger, 'reap', [[id, other.id]])
    expect(reap.names).toEqual(['Overrun', 'SessionClosed', 'RefundHeld'])
    await bench.send(other.payer.address, 'end', [other.id])
    expect(await bench.usdcOf(other.payer.address)).toBe(usdc(1))

    const refund = usdc(1) - 30_000n
    expect(await bench.read('claimableAtomic', [payer.address])).toBe(refund)
    expect(await bench.refusal(roles.stranger, 'claimRefund', [roles.stranger])).toBe('AmountInvalid')
    await bench.giveNative(payer.address)
    await bench.send(payer.address, 'claimRefund', [other.payer.address])
    expect(await bench.usdcOf(other.payer.address)).toBe(usdc(1) + refund)
    expect(await bench.refusal(payer.address, 'claimRefund', [other.payer.address])).toBe('AmountInvalid')
  }))

test('a token that calls back finds every door of the vault shut', () =>
  withToken('ReentrantToken', async bench => {
    const reentrant = parseAbi([
      'function attack(address target, bytes callData)',
      'function answer() view returns (bytes)',
      'function tried() view returns (bool)',
    ]) as Abi
    await bench.fund(usdc(10))
    await bench.setUnits(1n, [1n])
    const token = bench.addresses.usdc
    // The token plays every role, so that only the guard can refuse it.
    await bench.send(roles.owner, 'setKeeper', [token, true])
    await bench.send(roles.owner, 'setSettler', [token, true])
    const shut = encodeErrorResult({ abi: streamVaultAbi, errorName: 'ReentrancyGuardReentrantCall' })

    const victim = await bench.openSession(usdc(1))
    const payer = await bench.openPayer(usdc(2))
    const voucher = await bench.sign(payer, usdc(1))
    const again = await bench.sign(payer, usdc(1))
    const doors: [string, readonly unknown[]][] = [
      ['open', [again]],
      ['adopt', [again]],
      ['set', [victim.id, 1n, 0n, 0n, 0n]],
      ['close', [victim.id, 1n, 0n]],
      ['end', [victim.id]],
      ['cover', [victim.id]],
      ['setUnits', [2n, [], []]],
      ['fundReserve', [1n]],
      ['claimRefund', [roles.stranger]],
    ]
    for (const [functionName, args] of doors) {
      await bench.apart(async () => {
        const data = encodeFunctionData({ abi: streamVaultAbi as Abi, functionName, args })
        await bench.call(roles.stranger, token, reentrant, 'attack', [bench.vault, data])
        await bench.send(roles.settler, 'open', [voucher])
        const answer = await bench.readToken<Hex>(reentrant, 'answer')
        expect([functionName, answer]).toEqual([functionName, shut])
      })
    }
    await bench.apart(async () => {
      const data = encodeFunctionData({ abi: streamVaultAbi, functionName: 'end', args: [victim.id] })
      await bench.call(roles.stranger, token, reentrant, 'attack', [bench.vault, data])
      const { id } = await bench.openSession(usdc(1))
      await bench.call(roles.stranger, token, reentrant, 'attack', [bench.vault, data])
      await bench.send(roles.keeper, 'close', [id, 1n, 0n])
      expect(await bench.readToken<boolean>(reentrant, 'tried')).toBe(true)
      expect(await bench.readToken<Hex>(reentrant, 'answer')).toBe(shut)
      expect((await bench.session(victim.id)).state).toBe(1)
      expect(await bench.holdings(bench.vault)).toBe(usdc(11) * weiPerAtomic)
    })
  }))
