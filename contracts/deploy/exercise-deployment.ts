/**
 * Tries a deployment out with test money: wraps some, streams it through a pool made for the purpose, stops, and counts. It costs gas
 * and a cent of nothing, and is asked for by name; `verifyDeployment` only reads.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ComputePoolError } from '@computepool/shared/errors'
import { type Address, encodeFunctionData, parseAbi, parseEventLogs } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import type { ChainManifest } from './chain-manifest.ts'
import type { Deployer } from './deployer.ts'

const abi = parseAbi([
  'struct PoolConfig { bool transferabilityForUnitsOwner; bool distributionFromAnyAddress; }',
  'function mint(address to, uint256 value)',
  'function approve(address spender, uint256 value) returns (bool)',
  'function upgrade(uint256 amount)',
  'function downgrade(uint256 amount)',
  'function balanceOf(address account) view returns (uint256)',
  'function realtimeBalanceOfNow(address account) view returns (int256 available, uint256 deposit, uint256 owedDeposit, uint256 timestamp)',
  'function createPool(address token, address admin, PoolConfig config) returns (bool success, address pool)',
  'function updateMemberUnits(address pool, address member, uint128 units, bytes userData) returns (bool)',
  'function distributeFlow(address token, address from, address pool, int96 rate, bytes userData) returns (bool)',
  'function getFlowDistributionFlowRate(address token, address from, address to) view returns (int96)',
  'function claimAll(address pool, address member, bytes userData) returns (bool)',
  'event PoolCreated(address indexed token, address indexed admin, address pool)',
])

const AMOUNT_ATOMIC = 1_000_000n
const AMOUNT_WEI = AMOUNT_ATOMIC * 10n ** 12n
/** 0.001 USDC a second. */
const RATE_WEI = 10n ** 15n

export interface Exercise {
  readonly streamedSeconds: bigint
  readonly streamedWei: bigint
  /** What Superfluid locked while it ran. */
  readonly bufferWei: bigint
  readonly transactions: number
  readonly gasUsed: bigint
}

/**
 * Streams test USDCx for at least a second and returns what was seen.
 * @throws chain_wrong where a figure is not what it must be: rate × seconds to the wei, buffer = rate × liquidation period.
 */
export async function exerciseDeployment(deployer: Deployer, manifest: ChainManifest): Promise<Exercise> {
  if (!manifest.usdc.isTest) {
    throw new ComputePoolError('input_unsupported', 'Only a deployment with test USDC is tried out.', {
      remedy: 'verifyDeployment reads what can be read without money.',
    })
  }
  const { client, account } = deployer
  const { usdc, usdcx, gdaForwarder } = manifest.contracts
  const member = privateKeyToAccount(generatePrivateKey()).address
  let transactions = 0
  let gasUsed = 0n
  const send = async (label: string, to: Address, data: `0x${string}`) => {
    const receipt = await deployer.send({ label: `trying out: ${label}`, to, data })
    transactions++
    gasUsed += receipt.gasUsed
    return receipt
  }
  const secondOf = async (blockNumber: bigint) => (await client.getBlock({ blockNumber })).timestamp
  const flow = (pool: Address, rate: bigint) =>
    encodeFunctionData({ abi, functionName: 'distributeFlow', args: [usdcx, account.address, pool, rate, '0x'] })

  await send('make', usdc, encodeFunctionData({ abi, functionName: 'mint', args: [account.address, AMOUNT_ATOMIC] }))
  await send('allow', usdc, encodeFunctionData({ abi, functionName: 'approve', args: [usdcx, AMOUNT_ATOMIC] }))
  await send('wrap', usdcx, encodeFunctionData({ abi, functionName: 'upgrade', args: [AMOUNT_WEI] }))
  const config = { transferabilityForUnitsOwner: false, distributionFromAnyAddress: true }
  const created = await send(
    'pool',
    gdaForwarder,
    encodeFunctionData({ abi, functionName: 'createPool', args: [usdcx, account.address, config] }),
  )
  const pool = parseEventLogs({ abi, logs: created.logs, eventName: 'PoolCreated' })[0]?.args.pool
  if (!pool) throw wrong('a pool was asked for and none was made')
  await send(
    'units',
    gdaForwarder,
    encodeFunctionData({ abi, functionName: 'updateMemberUnits', args: [pool, member, 1n, '0x'] }),
  )

  const started = await send('stream', gdaForwarder, flow(pool, RATE_WEI))
  const [rate, [, bufferWei]] = await Promise.all([
    client.readContract({
      address: gdaForwarder,
      abi,
      functionName: 'getFlowDistributionFlowRate',
      args: [usdcx, account.address, pool],
    }),
    client.readContract({ address: usdcx, abi, functionName: 'realtimeBalanceOfNow', args: [account.address] }),
  ])
  const startedAt = await secondOf(started.blockNumber)
  // A second of wall clock: no chain takes less between two blocks of different times, and some make none without a transaction.
  await sleep(1100)
  const stopped = await send('stop', gdaForwarder, flow(pool, 0n))
  await send('claim', gdaForwarder, encodeFunctionData({ abi, functionName: 'claimAll', args: [pool, member, '0x'] }))
  const [streamedWei, rest, stoppedAt] = await Promise.all([
    client.readContract({ address: usdcx, abi, functionName: 'balanceOf', args: [member] }),
    client.readContract({ address: usdcx, abi, functionName: 'balanceOf', args: [account.address] }),
    secondOf(stopped.blockNumber),
  ])
  if (rest > 0n) await send('unwrap', usdcx, encodeFunctionData({ abi, functionName: 'downgrade', args: [rest] }))

  const streamedSeconds = stoppedAt - startedAt
  if (rate !== RATE_WEI) throw wrong(`the stream ran at ${rate} wei a second, not ${RATE_WEI}`)
  if (streamedWei !== RATE_WEI * streamedSeconds)
    throw wrong(`${streamedSeconds} s of ${RATE_WEI} wei made ${streamedWei}`)
  // The buffer is kept in units of 2³² wei, rounded up; see Superfluid's solvency library.
  const expected = RATE_WEI * BigInt(manifest.liquidationPeriodSeconds)
  if (bufferWei < expected || bufferWei - expected >= 1n << 32n)
    throw wrong(`the buffer was ${bufferWei}, not ${expected}`)
  return { streamedSeconds, streamedWei, bufferWei, transactions, gasUsed }
}

function wrong(what: string): ComputePoolError {
  return new ComputePoolError('chain_wrong', `The deployment does not stream as it should: ${what}.`, {
    remedy: 'Deploy to a fresh owner key, and keep this chain’s manifest for a report.',
  })
}
