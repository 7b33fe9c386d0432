/**
 * What a deployment would cost, before anything is sent. A step that builds on one that is not there yet cannot be estimated by the
 * chain, so the figures are those of a local run, measured once by a test. It sends nothing.
 */
import type { Address } from 'viem'
import { readCodes } from './deploy-framework.ts'
import { type Deployer, feesFor, withHeadroom } from './deployer.ts'
import { CREATE2_PROXY, ERC1820_REGISTRY } from './genesis-contracts.ts'
import { planFramework } from './plan-framework.ts'

/** Gas of each step, rounded up to 10,000; a test holds them to what a chain says. */
export const stepGas: Readonly<Record<string, bigint>> = {
  'deploy factory': 380_000n,
  libraries: 1_320_000n,
  forwarders: 620_000n,
  'access list': 430_000n,
  host: 5_150_000n,
  'constant flows': 4_540_000n,
  'first pool': 2_880_000n,
  pool: 2_880_000n,
  'pool beacon': 350_000n,
  distributions: 5_390_000n,
  'pool admin token': 1_590_000n,
  'super token': 5_120_000n,
  'test USDC': 1_490_000n,
  governance: 3_730_000n,
  'agreement forwarders': 2_580_000n,
}

export interface FrameworkEstimate {
  readonly owner: Address
  readonly transactions: number
  /** With the headroom that is sent along; what is not used comes back. */
  readonly gas: bigint
  readonly gasPriceWei: bigint
  readonly costWei: bigint
  readonly balanceWei: bigint
}

export interface EstimateOptions {
  readonly deployer: Deployer
  readonly usdc?: Address | undefined
}

/** What is missing on the chain, and its price. @throws chain_unavailable where Superfluid's package is not there. */
export async function estimateFramework({ deployer, usdc }: EstimateOptions): Promise<FrameworkEstimate> {
  const owner = deployer.account.address
  const { superfluid, testUsdc, factoryCreation } = await readCodes(owner)
  const { steps } = planFramework(
    { factory: factoryCreation.address, owner, liquidationPeriodSeconds: 60, patricianPeriodSeconds: 7, usdc },
    superfluid,
    testUsdc,
  )
  const places: [name: string, address: Address][] = [
    ['ERC-1820 registry', ERC1820_REGISTRY],
    ['CREATE2 proxy', CREATE2_PROXY],
    ['deploy factory', factoryCreation.address],
    ...steps.map(({ name, creations }): [string, Address] => [name, creations[0]!.address]),
  ]
  let transactions = 0
  let gas = 0n
  // The two that nobody signs cost what their made-up transactions say, in coins and not in gas at today's price.
  let fixedWei = 0n
  for (const [name, address] of places) {
    if (await deployer.hasCode(address)) continue
    const isGenesis = address === ERC1820_REGISTRY || address === CREATE2_PROXY
    transactions += isGenesis ? 2 : 1
    if (address === ERC1820_REGISTRY) fixedWei += 80_000_000_000_000_000n
    if (address === CREATE2_PROXY) fixedWei += 10_000_000_000_000_000n
    gas += isGenesis ? 30_000n : withHeadroom(stepGas[name] ?? 6_000_000n)
  }
  const [{ maxFeePerGas }, balanceWei] = await Promise.all([
    feesFor(deployer.client, deployer.settings.tipFloorWei),
    deployer.client.getBalance({ address: owner }),
  ])
  const costWei = transactions === 0 ? 0n : gas * maxFeePerGas + fixedWei
  return { owner, transactions, gas, gasPriceWei: maxFeePerGas, costWei, balanceWei }
}
