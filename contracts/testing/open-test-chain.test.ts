import { type Hex, parseAbi } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openTestChain, type TestChain } from './open-test-chain.ts'

let chain: TestChain
beforeAll(async () => {
  chain = await openTestChain()
})
afterAll(() => chain.close())

it('opens with money in the payers’ hands and none in the operators’', async () => {
  const { payers, operators } = chain.accounts
  expect(await chain.usdcOf(payers[3]!.address)).toBe(1_000_000_000n)
  expect(await chain.usdcOf(operators[0]!.address)).toBe(0n)
})

it('wraps test USDC into USDCx one to 10¹²', async () => {
  const { usdc, usdcx } = chain.manifest.contracts
  const [payer] = chain.accounts.payers
  const wallet = chain.wallet(payer!)
  const abi = parseAbi([
    'function approve(address spender, uint256 value) returns (bool)',
    'function upgrade(uint256 amount)',
    'function balanceOf(address account) view returns (uint256)',
  ])
  // A hash may be told before its block is there.
  const mined = async (sent: Promise<Hex>) => chain.publicClient.waitForTransactionReceipt({ hash: await sent })
  await mined(wallet.writeContract({ address: usdc, abi, functionName: 'approve', args: [usdcx, 5_000_000n] }))
  await mined(wallet.writeContract({ address: usdcx, abi, functionName: 'upgrade', args: [5_000_000n * 10n ** 12n] }))
  expect(
    await chain.publicClient.readContract({ address: usdcx, abi, functionName: 'balanceOf', args: [payer!.address] }),
  ).toBe(5_000_000n * 10n ** 12n)
})

it('goes back to a snapshot', async () => {
  const { address } = chain.accounts.operators[1]!
  const before = await chain.snapshot()
  await chain.mintUsdc(address, 7n)
  expect(await chain.usdcOf(address)).toBe(7n)
  await chain.revert(before)
  expect(await chain.usdcOf(address)).toBe(0n)
})

it('lets time pass', async () => {
  const before = await chain.now()
  await chain.passSeconds(100)
  expect((await chain.now()) - before).toBeGreaterThanOrEqual(100n)
})
