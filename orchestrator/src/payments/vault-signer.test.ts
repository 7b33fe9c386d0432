/** What the signer finds on a chain that has grown, behind a node that searches only so many blocks at once. */
import { usdcAbi } from '@computepool/contracts/abi'
import { createPublicClient, custom, encodeFunctionData, type Hex, numberToHex, type PublicClient } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openTestVault, signPayment, type TestVault } from '../../testing/test-vault.ts'
import { requirementsOf } from './challenge.ts'
import { createVaultSigner } from './vault-signer.ts'
import { readPayment } from './voucher.ts'
import { createFacilitator } from './x402-facilitator.ts'

const amount = 2_000_000n
let chain: TestVault
beforeAll(async () => {
  chain = await openTestVault()
  // The compiler, and a machine that may be busy.
}, 120_000)
afterAll(() => chain?.close())

/** As public nodes do: 10,000 blocks a search, on a chain that seems 30,000 blocks older (mining them takes minutes). */
function narrowClient(): PublicClient {
  const head = () => chain.publicClient.getBlockNumber({ cacheTime: 0 })
  const request = async ({ method, params }: { method: string; params?: unknown }) => {
    if (method === 'eth_blockNumber') return numberToHex((await head()) + 30_000n)
    if (method !== 'eth_getLogs') return chain.publicClient.request({ method, params } as never)
    const [filter] = params as [{ fromBlock: Hex; toBlock?: Hex }]
    const [last, mined] = [BigInt(filter.toBlock ?? (await head()) + 30_000n), await head()]
    if (last - BigInt(filter.fromBlock) >= 10_000n) throw new Error('query exceeds max block range 10000')
    if (BigInt(filter.fromBlock) > mined) return []
    const toBlock = numberToHex(last < mined ? last : mined)
    return chain.publicClient.request({ method, params: [{ ...filter, toBlock }] } as never)
  }
  return createPublicClient({ chain: chain.chain, transport: custom({ request }, { retryCount: 0 }), cacheTime: 0 })
}

it('finds the opening and the transfer of an old voucher', async () => {
  const { settler, vault, target, accounts } = chain
  const payload = await signPayment(target, accounts.payers[0]!, amount)
  const { voucher } = readPayment(payload)!
  const { payer, to, valueAtomic, validAfter, validBefore, nonce, signature } = voucher
  const args = [payer, to, valueAtomic, validAfter, validBefore, nonce, signature] as const
  const data = encodeFunctionData({ abi: usdcAbi, functionName: 'transferWithAuthorization', args })
  const transfer = await chain.wallet(accounts.stranger).sendTransaction({ to: target.usdc, data })

  const narrow = { chainId: chain.chain.id, client: narrowClient(), settler, vaults: [vault] }
  const settled = await createFacilitator(narrow).settle(payload, requirementsOf(target, amount))
  expect(settled).toMatchObject({ success: true, transaction: transfer })
  const signer = createVaultSigner({ ...narrow, isPlainAllowed: false })
  expect(await signer.openingOf(vault, voucher)).toBe(transfer)

  const plain = await signPayment(target, accounts.payers[1]!, amount)
  const opened = await createFacilitator(narrow).settle(plain, requirementsOf(target, amount))
  expect(opened.success).toBe(true)
  expect(await signer.openingOf(vault, readPayment(plain)!.voucher)).toBe(opened.transaction)
})
