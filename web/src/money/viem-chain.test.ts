import { openTestChain, type TestChain } from '@computepool/contracts/testing'
import { asComputePoolError } from '@computepool/shared/errors'
import { type Hex, parseAbi } from 'viem'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { sampleTerms } from '../ui/testing/sample-money.ts'
import { openChainReads, openOperatorWrites } from './viem-chain.ts'

/** What a page may call of an embedded chain: the orchestrator's proxy refuses the rest. */
const allowedMethods = [
  'eth_blockNumber',
  'eth_call',
  'eth_chainId',
  'eth_estimateGas',
  'eth_feeHistory',
  'eth_gasPrice',
  'eth_getBalance',
  'eth_getBlockByNumber',
  'eth_getTransactionByHash',
  'eth_getTransactionCount',
  'eth_getTransactionReceipt',
  'eth_maxPriorityFeePerGas',
  'eth_sendRawTransaction',
]

const pageMark = '/?page'
const usdcx = 10n ** 18n
const forwarderAbi = parseAbi([
  'function createPool(address token, address admin, (bool transferabilityForUnitsOwner, bool distributionFromAnyAddress) config) returns (bool success, address pool)',
  'function updateMemberUnits(address pool, address memberAddress, uint128 newUnits, bytes userData) returns (bool)',
  'function distribute(address token, address from, address pool, uint256 requestedAmount, bytes userData) returns (bool)',
  'function distributeFlow(address token, address from, address pool, int96 requestedFlowRate, bytes userData) returns (bool)',
])
const tokenAbi = parseAbi([
  'function approve(address spender, uint256 amount) returns (bool)',
  'function upgrade(uint256 amount)',
])

let chain: TestChain
let pool: Hex
const methods = new Set<string>()

/** As the coalition's owner: one transaction, mined at once. */
async function own(address: Hex, abi: typeof forwarderAbi | typeof tokenAbi, functionName: string, args: unknown[]) {
  const { owner } = chain.accounts
  const request = { address, abi, functionName, args, account: owner, gas: 3_000_000n } as never
  const hash = await chain.wallet(owner).writeContract(request)
  await chain.testClient.mine({ blocks: 1 })
  const { status } = await chain.publicClient.waitForTransactionReceipt({ hash })
  if (status !== 'success') throw new Error(`${functionName} was refused.`)
}

beforeAll(async () => {
  chain = await openTestChain({ liquidationPeriodSeconds: 60 })
  const { usdc, usdcx: token, gdaForwarder } = chain.manifest.contracts
  const { owner, operators } = chain.accounts
  const config = { transferabilityForUnitsOwner: false, distributionFromAnyAddress: true }
  const create = { address: gdaForwarder, abi: forwarderAbi, functionName: 'createPool' } as const
  const args = [token, owner.address, config] as const
  const { result } = await chain.publicClient.simulateContract({ ...create, args, account: owner })
  pool = result[1]
  await own(gdaForwarder, forwarderAbi, 'createPool', [...args])
  await own(gdaForwarder, forwarderAbi, 'updateMemberUnits', [pool, operators[0]?.address, 1n, '0x'])
  await own(gdaForwarder, forwarderAbi, 'updateMemberUnits', [pool, operators[1]?.address, 3n, '0x'])
  await chain.mintUsdc(owner.address, 100_000_000n)
  await own(usdc, tokenAbi, 'approve', [token, 100_000_000n])
  await own(token, tokenAbi, 'upgrade', [100n * usdcx])
  await own(gdaForwarder, forwarderAbi, 'distribute', [token, owner.address, pool, 8n * usdcx, '0x'])
  await chain.testClient.setAutomine(true)
  // The page's own calls are counted, not the test's: their address differs.
  const { fetch } = globalThis
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    if (!String(url).endsWith(pageMark)) return fetch(url, init)
    for (const call of [JSON.parse(String(init.body))].flat()) methods.add(call.method)
    return fetch(url, init)
  })
})
afterAll(async () => {
  vi.unstubAllGlobals()
  await chain?.close()
})

function terms() {
  const sample = sampleTerms()
  const { usdc, usdcx: token, gdaForwarder } = chain.manifest.contracts
  return {
    ...sample,
    chain: { ...sample.chain, rpcUrl: `${chain.url}${pageMark}` },
    usdc,
    usdcx: token,
    gdaForwarder,
    pool,
  }
}
const operator = (index: number) => {
  const account = chain.accounts.operators[index]
  if (account === undefined) throw new Error(`There is no operator ${index}.`)
  return account
}
const caught = async (promise: Promise<unknown>) =>
  asComputePoolError(
    await promise.then(
      () => 'nothing',
      (thrown: unknown) => thrown,
    ),
  )

test('what waits in the pool is told as claimable, until the pool is connected', async () => {
  const reads = openChainReads(terms())
  const before = await reads.earnings(operator(0).address)
  expect(before).toMatchObject({
    balanceWei: 0n,
    claimableWei: 2n * usdcx,
    receivedWei: 2n * usdcx,
    isConnected: false,
    flowWei: 0n,
    units: 1n,
    totalUnits: 4n,
    funds: { usdcAtomic: 0n, nativeWei: 0n },
  })
})

test('a key without gas is told so', async () => {
  const error = await caught(openOperatorWrites(terms(), operator(0)).connectPool())
  expect(error.code).toBe('chain_underfunded')
  expect(error.remedy).toContain('faucet')
})

test('an operator connects, streams, unwraps: every figure is the chain’s', async () => {
  const account = operator(0)
  await chain.testClient.setBalance({ address: account.address, value: 10n ** 18n })
  const reads = openChainReads(terms())
  const writes = openOperatorWrites(terms(), account)
  expect(await writes.connectPool()).toMatch(/^0x[0-9a-f]{64}$/)
  const connected = await reads.earnings(account.address)
  expect(connected).toMatchObject({ isConnected: true, balanceWei: 2n * usdcx, claimableWei: 0n })

  const { gdaForwarder, usdcx: token } = chain.manifest.contracts
  const rateWei = 4n * 10n ** 15n
  await own(gdaForwarder, forwarderAbi, 'distributeFlow', [token, chain.accounts.owner.address, pool, rateWei, '0x'])
  const started = await reads.earnings(account.address)
  expect(started).toMatchObject({ flowWei: rateWei / 4n, memberFlowWei: rateWei / 4n })
  await chain.passSeconds(10)
  const later = await reads.earnings(account.address)
  expect((later.balanceWei - started.balanceWei) % (rateWei / 4n)).toBe(0n)
  expect(later.balanceWei - started.balanceWei).toBeGreaterThanOrEqual((rateWei / 4n) * 10n)
  expect(later.receivedWei - started.receivedWei).toBe(later.balanceWei - started.balanceWei)

  const to = `0x${'77'.repeat(20)}` as const
  await writes.unwrapTo(to, 2n * usdcx)
  expect(await chain.usdcOf(to)).toBe(2_000_000n)
})

test('a member that is not connected sees its claimable grow, and claims it', async () => {
  const account = operator(1)
  await chain.testClient.setBalance({ address: account.address, value: 10n ** 18n })
  const reads = openChainReads(terms())
  const before = await reads.earnings(account.address)
  expect(before).toMatchObject({ isConnected: false, balanceWei: 0n, flowWei: 3n * 10n ** 15n })
  expect(before.claimableWei).toBeGreaterThanOrEqual(6n * usdcx)
  await openOperatorWrites(terms(), account).claim()
  expect((await reads.earnings(account.address)).balanceWei).toBeGreaterThanOrEqual(before.claimableWei)
})

test('more than there is is refused by the chain, and an unreachable chain is told apart', async () => {
  const refused = await caught(openOperatorWrites(terms(), operator(0)).unwrapTo(operator(1).address, 1_000n * usdcx))
  expect(refused.code).toBe('chain_reverted')
  const dead = { ...terms(), chain: { ...terms().chain, rpcUrl: 'http://127.0.0.1:9' } }
  expect((await caught(openChainReads(dead).funds(operator(0).address))).code).toBe('chain_unreachable')
})

test('only calls are made that a page may make', () => {
  expect([...methods].filter(method => !allowedMethods.includes(method))).toEqual([])
  expect(methods).toContain('eth_sendRawTransaction')
})

test('an address whose checksum does not fit is told before a transaction would be made of it', () => {
  const writes = openOperatorWrites(terms(), operator(0))
  const mistyped = '0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
  expect(writes.isAddress(mistyped)).toBe(false)
  expect(writes.isAddress(mistyped.toLowerCase())).toBe(true)
  expect(() => writes.unwrapTo(mistyped, 1n)).toThrow('is invalid')
})
