/**
 * What a deployment would send and cost, step by step, before anything is sent. A step that builds on one that is not there yet cannot
 * be estimated by the chain, so the figures are those of a local run, measured once by a test. It sends nothing.
 */
import { type Address, concatHex, keccak256 } from 'viem'
import { teeDataVerifierAbi } from '../abi/pool-inft.ts'
import { streamVaultAbi } from '../abi/stream-vault.ts'
import { readChainManifest } from './chain-manifest.ts'
import { publicRules, registryAbi } from './deploy-coalition.ts'
import { readCodes } from './deploy-framework.ts'
import { vaultOf } from './deploy-vault.ts'
import { type Deployer, feesFor, withHeadroom } from './deployer.ts'
import type { EnsureDeploymentOptions } from './ensure-deployment.ts'
import { CREATE2_PROXY, ERC1820_REGISTRY } from './genesis-contracts.ts'
import { registryCreation, tokenCreations, vaultCreation } from './own-creations.ts'
import { planFramework } from './plan-framework.ts'

/** Gas of each step, rounded up to 10,000; a test holds them to what a chain says. */
export const stepGas = {
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
  vault: 5_720_000n,
  'registry of coalitions': 4_230_000n,
  auditor: 100_000n,
  'pools as INFTs': 4_480_000n,
  oracle: 150_000n,
  'test USDC for the reserve': 80_000n,
  'allowance for the reserve': 50_000n,
  reserve: 190_000n,
} as const

export interface PlannedStep {
  readonly name: string
  /** Then it takes nothing. */
  readonly isThere: boolean
  readonly transactions: number
  /** With the headroom that is sent along; what is not used comes back. */
  readonly gas: bigint
}

export interface DeploymentEstimate {
  readonly owner: Address
  readonly steps: readonly PlannedStep[]
  readonly transactions: number
  readonly gas: bigint
  readonly gasPriceWei: bigint
  readonly costWei: bigint
  readonly balanceWei: bigint
}

export type EstimateOptions = Pick<
  EnsureDeploymentOptions,
  'deployer' | 'dataDir' | 'usdc' | 'vault' | 'coalition' | 'inft'
>

/** @throws chain_unavailable where Superfluid's package is not there, chain_state_invalid for a broken manifest. */
export async function estimateDeployment(options: EstimateOptions): Promise<DeploymentEstimate> {
  const { deployer, dataDir } = options
  const { client } = deployer
  const owner = deployer.account.address
  const known = await readChainManifest(dataDir, await client.getChainId())
  const { superfluid, testUsdc, factoryCreation } = await readCodes(owner)
  const factory = known?.contracts.factory ?? factoryCreation.address
  const settings = { liquidationPeriodSeconds: 60, patricianPeriodSeconds: 7 }
  const plan = planFramework({ factory, owner, usdc: options.usdc, ...settings }, superfluid, testUsdc)
  const contracts = known?.contracts ?? { factory, ...plan.addresses }
  const isWhole = known !== undefined && (await deployer.hasCode(known.contracts.gdaForwarder))

  const steps: PlannedStep[] = []
  const step = (name: string, gas: keyof typeof stepGas, isThere: boolean): void => {
    const cost = isThere ? { transactions: 0, gas: 0n } : { transactions: 1, gas: withHeadroom(stepGas[gas]) }
    steps.push({ name, isThere, ...cost })
  }
  // The two that nobody signs cost what their made-up transactions say, in coins and not in gas at today's price.
  let fixedWei = 0n
  for (const [name, address, wei] of [
    ['ERC-1820 registry', ERC1820_REGISTRY, 80_000_000_000_000_000n],
    ['CREATE2 proxy', CREATE2_PROXY, 10_000_000_000_000_000n],
  ] as const) {
    const isThere = isWhole || (await deployer.hasCode(address))
    if (!isThere) fixedWei += wei
    steps.push({ name, isThere, transactions: isThere ? 0 : 2, gas: isThere ? 0n : 30_000n })
  }
  step('deploy factory', 'deploy factory', isWhole || (await deployer.hasCode(factory)))
  for (const { name, creations } of plan.steps) {
    step(name, name as keyof typeof stepGas, isWhole || (await deployer.hasCode(creations[0]!.address)))
  }

  if (options.vault) {
    const { model, settler, keeper, pricePerSecondAtomic, maxLeaseSeconds, reserveAtomic = 0n } = options.vault
    const terms = { settler, keeper, pricePerSecondAtomic, maxLeaseSeconds }
    const made = await vaultCreation(factory, { model, usdcx: contracts.usdcx, owner, ...terms })
    // One of older code stays where it is, and a new one comes beside it.
    const kept = known && vaultOf(known, model)
    const address = kept?.codeHash === keccak256(made.artifact.bytecode) ? kept.address : made.address
    const isThere = await deployer.hasCode(address)
    step(`vault of ${model}`, 'vault', isThere)
    const hasReserve = reserveAtomic === 0n || (isThere && (await reserveOf(deployer, address)) >= reserveAtomic)
    if (!hasReserve) {
      if (options.usdc === undefined && known?.usdc.isTest !== false) {
        step('test USDC for the reserve', 'test USDC for the reserve', false)
      }
      step('allowance for the reserve', 'allowance for the reserve', false)
      step('reserve', 'reserve', false)
    }
  }
  if (options.coalition) {
    const { auditors, quorum, treasury = owner, rules = publicRules } = options.coalition
    const made = await registryCreation(factory, { usdc: contracts.usdc, owner, treasury, quorum, rules })
    const kept = known?.coalition
    const address = kept?.codeHash === keccak256(made.artifact.bytecode) ? kept.address : made.address
    const isThere = await deployer.hasCode(address)
    step('registry of coalitions', 'registry of coalitions', isThere)
    for (const auditor of auditors) {
      const read = { address, abi: registryAbi, functionName: 'isAuditor', args: [auditor] } as const
      step(`auditor ${auditor}`, 'auditor', isThere && (await client.readContract(read)))
    }
  }
  if (options.inft) {
    const { oracles, takesSimulated } = options.inft
    const made = await tokenCreations(factory, { owner, takesSimulated })
    const codeHash = keccak256(concatHex([made.verifier.artifact.bytecode, made.token.artifact.bytecode]))
    const kept = known?.inft
    const isKept = kept?.codeHash === codeHash && kept.takesSimulated === takesSimulated
    const { token, verifier } = isKept ? kept : { token: made.token.address, verifier: made.verifier.address }
    const isThere = await deployer.hasCode(token)
    step('pools as INFTs', 'pools as INFTs', isThere)
    for (const { address } of oracles) {
      const read = { address: verifier, abi: teeDataVerifierAbi, functionName: 'oracleOf', args: [address] } as const
      step(`oracle ${address}`, 'oracle', isThere && (await client.readContract(read)).isRegistered)
    }
  }

  const [{ maxFeePerGas }, balanceWei] = await Promise.all([
    feesFor(client, deployer.settings.tipFloorWei),
    client.getBalance({ address: owner }),
  ])
  const transactions = steps.reduce((sum, one) => sum + one.transactions, 0)
  const gas = steps.reduce((sum, one) => sum + one.gas, 0n)
  return {
    owner,
    steps,
    transactions,
    gas,
    gasPriceWei: maxFeePerGas,
    costWei: gas * maxFeePerGas + fixedWei,
    balanceWei,
  }
}

/** Rounded down. */
async function reserveOf({ client }: Deployer, vault: Address): Promise<bigint> {
  return (await client.readContract({ address: vault, abi: streamVaultAbi, functionName: 'reserveWei' })) / 10n ** 12n
}
