/**
 * The steps against a real Superfluid on anvil, under the id of 0G's test chain, where no forwarder lies at its usual address. Under the
 * main chain's id our test token refuses to be made, so that one stands for both.
 */
import { superfluidPoolAbi, superTokenAbi, usdcAbi } from '@computepool/contracts/abi'
import { openTestChain, type TestChain } from '@computepool/contracts/testing'
import {
  type Abi,
  type Address,
  encodeAbiParameters,
  encodeFunctionData,
  type Hex,
  keccak256,
  parseAbiItem,
  toEventSelector,
  toHex,
} from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readContractCall, structureResult } from '../../../orchestrator/src/keeper/contract-call.ts'
import { createPoolCore } from './steps/create-pool-core.ts'
import { distributeFlowCore, stopDistributionCore } from './steps/distribute-flow-core.ts'
import { setUnitsCore } from './steps/set-units-core.ts'
import { distributionAgreement, poolCreatedTopic, superfluidAbi } from './superfluid-abi.ts'
import type { SuperfluidPort } from './superfluid-port.ts'

it('knows the agreement and the event by their right hashes', () => {
  const name = 'org.superfluid-finance.agreements.GeneralDistributionAgreement.v1'
  expect(distributionAgreement).toBe(keccak256(toHex(name)))
  const event = parseAbiItem('event PoolCreated(address indexed token, address indexed admin, address pool)')
  expect(poolCreatedTopic).toBe(toEventSelector(event))
})

describe('on a chain without Superfluid’s usual addresses', () => {
  const chainId = 16602
  let chain: TestChain
  let token: Address
  let sent = 0

  beforeAll(async () => {
    chain = await openTestChain({ chainId })
    const { usdc, usdcx } = chain.manifest.contracts
    token = usdcx
    const { owner } = chain.accounts
    const wallet = chain.wallet(owner)
    const amountAtomic = 1_000_000n
    await chain.mintUsdc(owner.address, amountAtomic)
    await wallet.writeContractSync({
      address: usdc,
      abi: usdcAbi,
      functionName: 'approve',
      args: [usdcx, amountAtomic],
    })
    const wrap = encodeFunctionData({ abi: superTokenAbi, functionName: 'upgrade', args: [amountAtomic * 10n ** 12n] })
    await wallet.sendTransactionSync({ to: usdcx, data: wrap, gas: 3_000_000n })
  }, 240_000)
  afterAll(() => chain?.close())

  const fragmentOf = (abiFunction: string, args: readonly unknown[], contract: string) =>
    readContractCall({
      contractAddress: contract,
      abi: JSON.stringify(superfluidAbi),
      abiFunction,
      functionArgs: JSON.stringify(args),
    })
  const told = (thrown: unknown) => ({ success: false, error: String(thrown) }) as const

  /** The owner's organisation: what upstream's port does, with viem. */
  const port = (): SuperfluidPort => ({
    async read(contract, abiFunction, functionArgs) {
      try {
        const { address, abi, fragment, args } = fragmentOf(abiFunction, functionArgs, contract)
        const value = await chain.publicClient.readContract({ address, abi, functionName: fragment.name, args })
        return { success: true, result: structureResult(value, fragment) }
      } catch (thrown) {
        return told(thrown)
      }
    },
    async write(contract, abiFunction, functionArgs) {
      try {
        const { address, abi, fragment, args } = fragmentOf(abiFunction, functionArgs, contract)
        const data = encodeFunctionData({ abi, functionName: fragment.name, args })
        const wallet = chain.wallet(chain.accounts.owner)
        const { transactionHash, status } = await wallet.sendTransactionSync({ to: address, data, gas: 8_000_000n })
        sent++
        return status === 'success' ? { success: true, transactionHash } : told('reverted')
      } catch (thrown) {
        return told(thrown)
      }
    },
    async logsOf(hash) {
      const { logs } = await chain.publicClient.getTransactionReceipt({ hash: hash as Hex })
      return { success: true, logs }
    },
    encodeCall(abiFunction, functionArgs) {
      const { abi, fragment, args } = fragmentOf(abiFunction, functionArgs, token)
      return encodeFunctionData({ abi: abi as Abi, functionName: fragment.name, args })
    },
    encodeValues: (types, values) => encodeAbiParameters(types.map(type => ({ type })) as never, values as never),
    walletAddress: async () => chain.accounts.owner.address,
  })

  async function createPool(): Promise<Address> {
    const created = await createPoolCore({ token }, port())
    if (!created.success) throw new Error(created.error)
    return created.pool as Address
  }
  const ofPool = (pool: Address, functionName: string, args: readonly unknown[] = []): Promise<unknown> =>
    chain.publicClient.readContract({ address: pool, abi: superfluidPoolAbi, functionName, args } as never)
  const members = (...units: number[]) =>
    units.map((count, at) => ({ member: chain.accounts.operators[at]?.address, units: String(count) }))

  it('tells the address of the pool that it created', async () => {
    const pool = await createPool()
    expect(await ofPool(pool, 'admin')).toBe(chain.accounts.owner.address)
    expect(String(await ofPool(pool, 'superToken')).toLowerCase()).toBe(token.toLowerCase())
    expect(await createPool()).not.toBe(pool)
  })

  it('sets many units in one transaction, and only those that differ', async () => {
    const pool = await createPool()
    const before = sent
    expect(await setUnitsCore({ token, pool, members: members(3, 1, 2) }, port())).toMatchObject({
      success: true,
      changed: 3,
      totalUnits: '6',
    })
    expect(sent - before).toBe(1)
    const wanted = { token, pool, members: JSON.stringify(members(0, 5, 2)) }
    expect(await setUnitsCore(wanted, port())).toMatchObject({ success: true, changed: 2, totalUnits: '7' })
    expect(await setUnitsCore(wanted, port())).toMatchObject({ success: true, changed: 0, transactionHash: null })
    expect(sent - before).toBe(2)
    const units = chain.accounts.operators.slice(0, 3).map(({ address }) => ofPool(pool, 'getUnits', [address]))
    expect(await Promise.all(units)).toEqual([0n, 5n, 2n])
  })

  it('streams at an absolute rate, keeps it through a change of all members, and stops', async () => {
    const pool = await createPool()
    await setUnitsCore({ token, pool, members: members(3) }, port())
    const place = { token, pool }
    expect(await distributeFlowCore({ ...place, flowRate: '1000000001' }, port())).toMatchObject({
      success: true,
      // Down to a multiple of three units.
      flowRate: '999999999',
      wasSet: false,
    })
    // The only member goes and another comes: raised first, the stream never meets a pool without units.
    expect(await setUnitsCore({ ...place, members: members(0, 3) }, port())).toMatchObject({
      success: true,
      changed: 2,
    })
    // Six units for a moment, so 3 wei less; the same rate asked for again brings them back.
    expect(await ofPool(pool, 'getTotalFlowRate')).toBe(999_999_996n)
    expect(await distributeFlowCore({ ...place, flowRate: '1000000001' }, port())).toMatchObject({
      flowRate: '999999999',
    })
    expect(await ofPool(pool, 'getTotalFlowRate')).toBe(999_999_999n)
    expect(await setUnitsCore({ ...place, members: members(0, 0) }, port())).toEqual({
      success: false,
      error: expect.stringContaining('no units'),
    })
    expect(await stopDistributionCore(place, port())).toMatchObject({ success: true, flowRate: '0', wasSet: false })
    expect(await stopDistributionCore(place, port())).toMatchObject({
      success: true,
      wasSet: true,
      transactionHash: null,
    })
    expect(await setUnitsCore({ ...place, members: members(0, 0) }, port())).toMatchObject({ totalUnits: '0' })
  })

  it('refuses what it cannot read', async () => {
    const pool = await createPool()
    const [member] = members(1)
    for (const wrong of ['{}', '[', [member, member], [{ member: '0x12', units: '1' }], [{ ...member, units: '-1' }]]) {
      expect(await setUnitsCore({ token, pool, members: wrong }, port())).toMatchObject({ success: false })
    }
    expect(await createPoolCore({ token: chain.accounts.owner.address }, port())).toEqual({
      success: false,
      error: expect.stringContaining('no Super Token'),
    })
  })
})
