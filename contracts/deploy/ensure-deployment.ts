/**
 * Everything that a chain needs before the first session, in one call: framework, checks, a model's vault and its reserve, the
 * registry of coalitions, pools as INFTs, and the manifest in the data folder. Asked again, it finds all of it and sends nothing.
 */
import type { Address } from 'viem'
import {
  type ChainManifest,
  type CoalitionManifest,
  type InftManifest,
  readChainManifest,
  type VaultManifest,
  writeChainManifest,
} from './chain-manifest.ts'
import { type CoalitionChoice, deployCoalition } from './deploy-coalition.ts'
import { type DeployProgress, deployFramework } from './deploy-framework.ts'
import { deployInft, type InftChoice } from './deploy-inft.ts'
import { deployVault, ensureReserve } from './deploy-vault.ts'
import type { Deployer } from './deployer.ts'
import { verifyDeployment } from './verify-deployment.ts'

export interface EnsureDeploymentOptions {
  readonly deployer: Deployer
  readonly dataDir: string
  readonly liquidationPeriodSeconds?: number | undefined
  readonly usdc?: Address | undefined
  /** Without it no vault is made. */
  readonly vault?:
    | {
        readonly model: string
        readonly settler: Address
        readonly keeper: Address
        readonly pricePerSecondAtomic: bigint
        readonly maxLeaseSeconds?: number | undefined
        /** What the reserve holds afterwards, at least; USDC, 6 decimals. Default 0. */
        readonly reserveAtomic?: bigint | undefined
      }
    | undefined
  /** Without it no registry of coalitions is made; one that is there stays. */
  readonly coalition?: CoalitionChoice | undefined
  /** Without it no token contract is made; one that is there stays. */
  readonly inft?: InftChoice | undefined
  readonly onProgress?: ((progress: DeployProgress) => void) | undefined
}

export interface EnsuredDeployment {
  readonly manifest: ChainManifest
  /** The vault that was asked for. */
  readonly vault: VaultManifest | undefined
  /** The chain's, whether it was asked for or not; undefined: pools of this chain are unstaked. */
  readonly coalition: CoalitionManifest | undefined
  /** The chain's token contract for pools, likewise. */
  readonly inft: InftManifest | undefined
  /** Of framework, vault, registry and token; without the reserve's. */
  readonly transactions: number
  readonly gasUsed: bigint
}

/** @throws input_invalid, chain_underfunded, chain_reverted, chain_unreachable, chain_deploy_refused, chain_wrong, chain_state_invalid. */
export async function ensureDeployment(options: EnsureDeploymentOptions): Promise<EnsuredDeployment> {
  const { deployer, dataDir, onProgress } = options
  const chainId = await deployer.client.getChainId()
  const known = await readChainManifest(dataDir, chainId)
  const framework = await deployFramework({
    deployer,
    known,
    liquidationPeriodSeconds: options.liquidationPeriodSeconds,
    usdc: options.usdc,
    onProgress,
  })
  let { manifest, transactions, gasUsed } = framework
  await writeChainManifest(dataDir, manifest)
  let vault: VaultManifest | undefined
  if (options.vault) {
    const made = await deployVault({ deployer, manifest, ...options.vault })
    manifest = made.manifest
    vault = made.vault
    transactions += made.isNew ? 1 : 0
    gasUsed += made.gasUsed
    await writeChainManifest(dataDir, manifest)
    await ensureReserve({
      deployer,
      manifest,
      vault: vault.address,
      targetAtomic: options.vault.reserveAtomic ?? 0n,
    })
  }
  if (options.coalition) {
    const made = await deployCoalition({ deployer, manifest, ...options.coalition })
    manifest = made.manifest
    transactions += made.transactions
    gasUsed += made.gasUsed
    await writeChainManifest(dataDir, manifest)
  }
  if (options.inft) {
    const made = await deployInft({ deployer, manifest, ...options.inft })
    manifest = made.manifest
    transactions += made.transactions
    gasUsed += made.gasUsed
    await writeChainManifest(dataDir, manifest)
  }
  await verifyDeployment(deployer.client, manifest)
  return { manifest, vault, coalition: manifest.coalition, inft: manifest.inft, transactions, gasUsed }
}
