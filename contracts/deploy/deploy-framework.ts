/**
 * Puts the whole framework on a chain, step by step, and looks before each step whether it is there already: a second run sends
 * nothing, a run after a crash goes on where the first one stopped. It knows the order of steps from the plan, and no vault.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Address, encodeFunctionData, isAddressEqual, parseAbi } from 'viem'
import { artifactOf } from '../build/compile.ts'
import type { ChainManifest } from './chain-manifest.ts'
import type { Deployer } from './deployer.ts'
import { CREATE2_PROXY, create2Proxy, ensureGenesisContract, erc1820 } from './genesis-contracts.ts'
import { chainSources, factoryCreationOf } from './own-creations.ts'
import { type FrameworkPlan, planFramework, proxyCreation, type Step } from './plan-framework.ts'
import { readSuperfluidArtifacts } from './superfluid-artifacts.ts'

export interface DeployProgress {
  readonly step: string
  readonly done: number
  readonly total: number
  /** False where the step lay on the chain already. */
  readonly sent: boolean
}

export interface DeployFrameworkOptions {
  readonly deployer: Deployer
  /** How many seconds of a stream Superfluid keeps as buffer. Default: what the chain's framework has; 60 for a new one. */
  readonly liquidationPeriodSeconds?: number | undefined
  /** An existing USDC with EIP-3009; without it a TestUsdc is made. A framework that is there keeps the one that it wraps. */
  readonly usdc?: Address | undefined
  /** What an earlier run wrote down: its factory is used again, so that a new compiler does not move every address. */
  readonly known?: ChainManifest | undefined
  readonly onProgress?: ((progress: DeployProgress) => void) | undefined
}

export interface DeployedFramework {
  readonly manifest: ChainManifest
  readonly transactions: number
  readonly gasUsed: bigint
}

const usdcFacts = parseAbi([
  'function name() view returns (string)',
  'function version() view returns (string)',
  'function decimals() view returns (uint8)',
])
const governanceAbi = parseAbi([
  'function owner() view returns (address)',
  'function getPPPConfig(address host, address superToken) view returns (uint256 liquidation, uint256 patrician)',
  'function setPPPConfig(address host, address superToken, uint256 liquidation, uint256 patrician)',
])
const wrapperAbi = parseAbi(['function getUnderlyingToken() view returns (address)'])
const ANY_TOKEN = '0x0000000000000000000000000000000000000000'

/**
 * The framework of `deployer`'s key on its chain, deployed as far as it is missing.
 * @throws chain_underfunded, chain_reverted, chain_unreachable, chain_deploy_refused, chain_wrong.
 */
export async function deployFramework(options: DeployFrameworkOptions): Promise<DeployedFramework> {
  const { deployer, known, onProgress } = options
  const { client } = deployer
  const chainId = await client.getChainId()
  if (known && known.chainId !== chainId) {
    throw new ComputePoolError('chain_wrong', `The manifest is chain ${known.chainId}'s, the endpoint is ${chainId}.`, {
      remedy: 'Check the RPC address.',
    })
  }
  let transactions = 0
  let gasUsed = 0n
  await deployer.settle()

  if (known && (await deployer.hasCode(known.contracts.gdaForwarder))) {
    await refuseOtherUsdc(deployer, known.contracts, options.usdc ?? known.contracts.usdc)
    const liquidationPeriodSeconds = await setLiquidationPeriod(deployer, known.contracts, options, cost => {
      transactions++
      gasUsed += cost
    })
    return { manifest: { ...known, liquidationPeriodSeconds }, transactions, gasUsed }
  }
  const newPeriodSeconds = options.liquidationPeriodSeconds ?? known?.liquidationPeriodSeconds ?? 60

  const { superfluid, erc1820Code, factoryCreation, testUsdc } = await readCodes(deployer.account.address)
  const plan = planFramework(
    {
      factory: factoryCreation.address,
      owner: deployer.account.address,
      liquidationPeriodSeconds: newPeriodSeconds,
      patricianPeriodSeconds: patricianOf(newPeriodSeconds),
      usdc: options.usdc,
    },
    superfluid,
    testUsdc,
  )
  await refuseOtherUsdc(deployer, plan.addresses, plan.addresses.usdc)
  const total = plan.steps.length + 3
  let done = 0
  // Where an earlier run began is not known any more; then logs are read from the beginning.
  const isBegun = await deployer.hasCode(plan.steps[0]!.creations[0]!.address)
  const block = isBegun ? 0n : await client.getBlockNumber()
  const tell = (step: string, sent: boolean) => onProgress?.({ step, done: ++done, total, sent })

  for (const contract of [erc1820(erc1820Code), create2Proxy]) {
    const cost = await ensureGenesisContract(deployer, contract)
    transactions += cost.transactions
    gasUsed += cost.gasUsed
    tell(contract.label, cost.transactions > 0)
  }
  const hasFactory = await deployer.hasCode(factoryCreation.address)
  if (!hasFactory) {
    const data = proxyCreation('DeployFactory', factoryCreation.initCode)
    gasUsed += (await deployer.send({ label: 'deploy factory', to: CREATE2_PROXY, data })).gasUsed
    transactions++
    await deployer.waitForCode(factoryCreation.address)
  }
  tell('deploy factory', !hasFactory)

  for (const step of plan.steps) {
    const cost = await ensureStep(deployer, factoryCreation.address, step)
    if (cost !== undefined) {
      gasUsed += cost
      transactions++
    }
    tell(step.name, cost !== undefined)
  }
  // The wrapper is made by another contract: no step waited for it.
  await deployer.waitForCode(plan.addresses.usdcx)
  const manifest = await describe(deployer, { chainId, block, plan, factory: factoryCreation.address, options })
  const liquidationPeriodSeconds = await setLiquidationPeriod(deployer, manifest.contracts, options, cost => {
    transactions++
    gasUsed += cost
  })
  return { manifest: { ...manifest, liquidationPeriodSeconds }, transactions, gasUsed }
}

/** What is deployed, and where the factory of `owner` lies. */
export async function readCodes(owner: Address) {
  const [{ artifacts, erc1820Code }, testUsdc, factoryCreation] = await Promise.all([
    readSuperfluidArtifacts(),
    artifactOf('TestUsdc', chainSources),
    factoryCreationOf(owner),
  ])
  return { superfluid: artifacts, erc1820Code, testUsdc, factoryCreation }
}

/** Runs `step` where it was not run yet; the gas that it burned, or undefined where nothing was to do. */
export async function ensureStep(deployer: Deployer, factory: Address, step: Step): Promise<bigint | undefined> {
  const missing = []
  for (const creation of step.creations) if (!(await deployer.hasCode(creation.address))) missing.push(creation)
  if (missing.length === 0) return undefined
  const { abi } = await artifactOf('DeployFactory', chainSources)
  const data = encodeFunctionData({
    abi,
    functionName: 'deploy',
    args: [step.creations.map(({ salt, initCode }) => ({ salt, initCode })), step.calls],
  })
  const { gasUsed } = await deployer.send({ label: step.name, to: factory, data })
  for (const { address } of step.creations) await deployer.waitForCode(address)
  return gasUsed
}

async function describe(
  { client, account }: Deployer,
  found: {
    chainId: number
    block: bigint
    plan: FrameworkPlan
    factory: Address
    options: DeployFrameworkOptions
  },
): Promise<ChainManifest> {
  const { addresses } = found.plan
  const { known } = found.options
  const read = { address: addresses.usdc, abi: usdcFacts } as const
  const [name, version, decimals] = await Promise.all([
    client.readContract({ ...read, functionName: 'name' }),
    client.readContract({ ...read, functionName: 'version' }),
    client.readContract({ ...read, functionName: 'decimals' }),
  ])
  if (decimals !== 6) {
    throw new ComputePoolError('chain_wrong', `${addresses.usdc} has ${decimals} decimals; USDC has 6.`, {
      remedy: 'Name another token, or none: then a test token is made.',
    })
  }
  return {
    version: 1,
    chainId: found.chainId,
    owner: account.address,
    block: String(found.block),
    liquidationPeriodSeconds: found.options.liquidationPeriodSeconds ?? 60,
    contracts: { factory: found.factory, ...addresses },
    usdc: { name, version, isTest: found.options.usdc === undefined },
    vaults: known?.vaults ?? [],
    ...(known?.coalition && { coalition: known.coalition }),
    ...(known?.formerCoalitions && { formerCoalitions: known.formerCoalitions }),
  }
}

/** Rounded down; Superfluid wants it shorter than the liquidation period, and has 1 : 8 itself. */
function patricianOf(liquidationPeriodSeconds: number): number {
  return Math.floor(liquidationPeriodSeconds / 8)
}

/** The wrapper's address does not tell what it wraps: a run that names another USDC would write down a pair that is none. */
async function refuseOtherUsdc({ client, hasCode }: Deployer, { usdcx }: { usdcx: Address }, usdc: Address) {
  if (!(await hasCode(usdcx))) return
  const wrapped = await client.readContract({ address: usdcx, abi: wrapperAbi, functionName: 'getUnderlyingToken' })
  if (isAddressEqual(wrapped, usdc)) return
  throw new ComputePoolError('chain_wrong', `This key’s framework wraps the USDC ${wrapped}, not ${usdc}.`, {
    remedy: `Deploy with --usdc ${wrapped}, or with another owner’s key: each has a framework of its own.`,
    context: { wrapped, usdc },
  })
}

/** Changes the period where another one is asked for; the one that holds then. */
async function setLiquidationPeriod(
  deployer: Deployer,
  contracts: ChainManifest['contracts'],
  { liquidationPeriodSeconds: seconds }: DeployFrameworkOptions,
  onSent: (gasUsed: bigint) => void,
): Promise<number> {
  const [current] = await deployer.client.readContract({
    address: contracts.governance,
    abi: governanceAbi,
    functionName: 'getPPPConfig',
    args: [contracts.host, ANY_TOKEN],
  })
  if (seconds === undefined || current === BigInt(seconds)) return Number(current)
  const data = encodeFunctionData({
    abi: governanceAbi,
    functionName: 'setPPPConfig',
    args: [contracts.host, ANY_TOKEN, BigInt(seconds), BigInt(patricianOf(seconds))],
  })
  onSent((await deployer.send({ label: 'liquidation period', to: contracts.governance, data })).gasUsed)
  return seconds
}
