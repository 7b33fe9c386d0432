import { streamVaultAbi, usdcAbi } from '@computepool/contracts/abi'
import type { PaymentPayload } from '@x402/core/types'
import { encodeFunctionData, type Hex, type PublicClient } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestVault, signPayment, type TestVault, type VoucherChanges } from '../../testing/test-vault.ts'
import { requirementsOf } from './challenge.ts'
import { facilitatorRoutes } from './facilitator-routes.ts'
import { readPayment } from './voucher.ts'
import { createVoucherSettler } from './voucher-settler.ts'
import { createFacilitator, type Facilitator } from './x402-facilitator.ts'

let chain: TestVault
let facilitator: Facilitator
const amount = 2_000_000n

beforeAll(async () => {
  chain = await openTestVault()
  facilitator = open()
})
afterAll(() => chain.close())

function open(extra: Partial<Parameters<typeof createFacilitator>[0]> = {}): Facilitator {
  const { settler, vault, publicClient } = chain
  const client = publicClient as PublicClient
  return createFacilitator({ chainId: 31337, client, settler, vaults: [vault], ...extra })
}
const payer = (index: number) => chain.accounts.payers[index]!
const sign = (changes: VoucherChanges = {}, index = 0): Promise<PaymentPayload> =>
  signPayment(chain.target, payer(index), amount, changes)
const requirements = () => requirementsOf(chain.target, amount)
const sessionOf = (payload: PaymentPayload) =>
  chain.publicClient.readContract({
    address: chain.vault,
    abi: streamVaultAbi,
    functionName: 'session',
    args: [readPayment(payload)!.sessionId],
  })

describe('the facilitator', () => {
  it('says what it supports', () => {
    expect(facilitator.supported().kinds).toMatchObject([{ x402Version: 2, scheme: 'exact', network: 'eip155:31337' }])
    expect(facilitator.supported().signers).toEqual({ 'eip155:*': [chain.settler.address] })
  })

  it('settles and opens in one transaction, which any x402 client takes for the transfer', async () => {
    const payload = await sign()
    expect(await facilitator.verify(payload, requirements())).toMatchObject({ isValid: true })
    const before = await chain.usdcOf(payer(0).address)
    const settled = await facilitator.settle(payload, requirements())
    expect(settled).toMatchObject({ success: true, network: 'eip155:31337' })
    expect(await chain.usdcOf(payer(0).address)).toBe(before - amount)
    expect(await sessionOf(payload)).toMatchObject({ capAtomic: amount, state: 1, pricePerSecondAtomic: 1000n })
    const receipt = await chain.publicClient.getTransactionReceipt({ hash: settled.transaction as Hex })
    expect(receipt.to?.toLowerCase()).toBe(chain.vault)
  })

  it('settles once, whatever is retried or raced, and tells of the same transaction', async () => {
    const payload = await sign({}, 1)
    const before = await chain.usdcOf(payer(1).address)
    const raced = await Promise.all(Array.from({ length: 5 }, () => open().settle(payload, requirements())))
    const again = await open().settle(payload, requirements())
    expect(new Set([...raced, again].map(result => result.transaction)).size).toBe(1)
    expect([...raced, again].map(result => result.success)).toEqual(Array(6).fill(true))
    expect(await chain.usdcOf(payer(1).address)).toBe(before - amount)
    expect(await facilitator.verify(payload, requirements())).toMatchObject({
      isValid: false,
      invalidReason: 'invalid_exact_evm_nonce_already_used',
    })
  })

  it('adopts a voucher that somebody else handed to the token', async () => {
    const payload = await sign({}, 2)
    const { voucher } = readPayment(payload)!
    const { payer: from, to, valueAtomic, validAfter, validBefore, nonce, signature } = voucher
    const data = encodeFunctionData({
      abi: usdcAbi,
      functionName: 'transferWithAuthorization',
      args: [from, to, valueAtomic, validAfter, validBefore, nonce, signature],
    })
    const stranger = chain.wallet(chain.accounts.stranger)
    const hash = await stranger.sendTransaction({ to: chain.target.usdc, data })
    const settled = await facilitator.settle(payload, requirements())
    expect(settled).toMatchObject({ success: true, transaction: hash })
    expect(await sessionOf(payload)).toMatchObject({ capAtomic: amount, state: 1 })
    expect(await facilitator.settle(payload, requirements())).toEqual(settled)
  })

  it('gives nobody the stray money of another voucher, by a nonce that was cancelled or spent elsewhere', async () => {
    // Somebody handed the victim's voucher to the token: its USDC lies in the vault, and no session has it yet.
    const victim = await sign({}, 2)
    const stranger = chain.wallet(chain.accounts.stranger)
    const hand = async (payload: PaymentPayload) => {
      const { payer: from, to, valueAtomic, validAfter, validBefore, nonce, signature } = readPayment(payload)!.voucher
      const args = [from, to, valueAtomic, validAfter, validBefore, nonce, signature] as const
      const data = encodeFunctionData({ abi: usdcAbi, functionName: 'transferWithAuthorization', args })
      return stranger.sendTransaction({ to: chain.target.usdc, data })
    }
    const hash = await hand(victim)
    const thief = await sign({}, 3)
    const { nonce } = readPayment(thief)!.voucher
    // The same nonce, signed once for the vault and once for the thief's own other pocket.
    await hand(await sign({ nonce, to: payer(0).address }, 3))
    const result = await facilitator.settle(thief, requirements())
    expect(result).toMatchObject({ success: false, transaction: '' })
    expect(await sessionOf(thief)).toMatchObject({ state: 0 })
    expect(await facilitator.settle(victim, requirements())).toMatchObject({ success: true, transaction: hash })
    expect(await sessionOf(victim)).toMatchObject({ capAtomic: amount, state: 1 })
  })

  const soon = () => BigInt(Math.floor(Date.now() / 1000))
  const wrongs: Array<[string, string, () => VoucherChanges]> = [
    ['out of date', 'payload_authorization_valid_before', () => ({ validBefore: soon() - 1n })],
    ['not valid yet', 'payload_authorization_valid_after', () => ({ validAfter: soon() + 100n })],
    ['for another chain', 'signature', () => ({ chainId: 1 })],
    ['said to be for another chain', 'network_mismatch', () => ({ accepted: { network: 'eip155:1' } })],
    ['to somebody else', 'recipient_mismatch', () => ({ to: payer(3).address })],
    ['over less', 'payload_authorization_value_mismatch', () => ({ value: amount - 1n })],
    ['with its amount changed', 'signature', () => ({ signed: { value: 1n } })],
    ['with its payee changed', 'signature', () => ({ signed: { to: payer(3).address } })],
  ]
  it.each(wrongs)('refuses a voucher %s, and nothing moves', async (_, reason, changes) => {
    const payload = await sign(changes(), 3)
    const before = [await chain.usdcOf(payer(3).address), chain.sent.length]
    const invalidReason = `invalid_exact_evm_${reason}`
    expect(await facilitator.verify(payload, requirements())).toMatchObject({ isValid: false, invalidReason })
    expect(await facilitator.settle(payload, requirements())).toMatchObject({
      success: false,
      transaction: '',
      errorReason: invalidReason,
    })
    expect([await chain.usdcOf(payer(3).address), chain.sent.length]).toEqual(before)
  })

  it('refuses a payer without the money, and what is no payment at all', async () => {
    const poor = await signPayment(chain.target, chain.accounts.stranger, amount)
    expect(await facilitator.verify(poor, requirements())).toMatchObject({
      isValid: false,
      invalidReason: 'invalid_exact_evm_insufficient_balance',
    })
    const broken = { ...poor, payload: { signature: '0x12', authorization: {} } }
    expect(await facilitator.verify(broken, requirements())).toEqual({
      isValid: false,
      invalidReason: 'invalid_payload',
    })
  })

  it('pays other addresses only where it is told that it may', async () => {
    const other = { ...chain.target, vault: payer(3).address }
    const toOther = await signPayment(other, payer(0), amount)
    expect(await facilitator.settle(toOther, requirementsOf(other, amount))).toMatchObject({ success: false })
    const before = await chain.usdcOf(payer(3).address)
    expect(await open({ isPlainAllowed: true }).settle(toOther, requirementsOf(other, amount))).toMatchObject({
      success: true,
    })
    expect(await chain.usdcOf(payer(3).address)).toBe(before + amount)
  })

  it('calls no voucher bad because a node failed, and settles it once the node is back', async () => {
    const payload = await sign({}, 1)
    let isDown = true
    const flaky = open({
      settler: {
        address: chain.settler.address,
        send: call => (isDown ? Promise.reject(new Error('fetch failed')) : chain.settler.send(call)),
      },
    })
    const settler = createVoucherSettler({ facilitator: flaky, target: chain.target })
    const { sessionId, voucher } = readPayment(payload)!
    const order = { sessionId, payer: voucher.payer, nonce: voucher.nonce, capAtomic: amount, voucher: payload }
    const settle = () => settler.settle({ ...order, signal: new AbortController().signal })
    expect(await settle()).toEqual({ status: 'unknown', reason: 'unexpected_settle_error' })
    isDown = false
    expect(await settle()).toMatchObject({ status: 'settled' })
  })

  it('refuses for good a voucher whose money was spent meanwhile', async () => {
    const settler = createVoucherSettler({ facilitator, target: chain.target })
    const payload = await signPayment(chain.target, payer(2), 10n ** 12n)
    const { sessionId, voucher } = readPayment(payload)!
    const order = { sessionId, payer: voucher.payer, nonce: voucher.nonce, capAtomic: 10n ** 12n, voucher: payload }
    expect(await settler.settle({ ...order, signal: new AbortController().signal })).toMatchObject({
      status: 'refused',
    })
  })

  it('speaks x402 over HTTP, and moves money only for who has the key', async () => {
    const routes = facilitatorRoutes(facilitator, 'the-key-of-the-owner')
    const payload = await sign()
    const body = JSON.stringify({ x402Version: 2, paymentPayload: payload, paymentRequirements: requirements() })
    const post = (path: string, headers: Record<string, string> = {}) =>
      routes.request(path, { method: 'POST', body, headers })
    routes.onError((error, c) => c.json({ code: (error as { code?: string }).code }, 401))
    expect(await (await post('/settle')).json()).toEqual({ code: 'peer_unauthenticated' })
    expect(await (await routes.request('/supported')).json()).toEqual(facilitator.supported())
    const authorization = 'Bearer the-key-of-the-owner'
    expect(await (await post('/verify', { authorization })).json()).toMatchObject({ isValid: true })
    expect(await (await post('/settle', { authorization })).json()).toMatchObject({ success: true })
  })
})
