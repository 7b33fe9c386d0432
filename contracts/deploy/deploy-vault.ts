/**
 * Puts a model's StreamVault on a chain that holds the framework, and fills its reserve. The vault makes its own pool. What the
 * vault does with money it does not know.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Address, encodeFunctionData, getAddress, isAddressEqual, keccak256, parseAbi } from 'viem'
import { streamVaultAbi } from '../abi/stream-vault.ts'
import type { ChainManifest, VaultManifest } from './chain-manifest.ts'
import { ensureStep } from './deploy-framework.ts'
import type { Deployer } from './deployer.ts'
import { vaultCreation } from './own-creations.ts'

export interface DeployVaultOptions {
  /** The manifest's owner's. */
  readonly deployer: Deployer
  readonly manifest: ChainManifest
  /** The model that the vault's coalition serves; one vault per model. */
  readonly model: string
  readonly settler: Address
  readonly keeper: Address
  /** USDC, 6 decimals, per second and running request. */
  readonly pricePerSecondAtomic: bigint
  /** Default 30. */
  readonly maxLeaseSeconds?: number | undefined
  /** Default 3,600. */
  readonly maxSessionSeconds?: number | undefined
  /** Default 3. */
  readonly slackSeconds?: number | undefined
}

export interface DeployedVault {
  /** The manifest with the vault in it. */
  readonly manifest: ChainManifest
  readonly vault: VaultManifest
  /** False where it lay there already. */
  readonly isNew: boolean
  readonly gasUsed: bigint
}

/** The vault that `manifest` names for `model`: the newest, where the vault's code was replaced. */
export function vaultOf(manifest: ChainManifest, model: string): VaultManifest | undefined {
  return manifest.vaults.findLast(vault => vault.model === model)
}

/**
 * The vault of `model`, deployed where it is missing. One that the manifest names stays, whatever price and keys are asked for now
 * (the owner changes those on chain), unless the vault's code is another by now; then the old one stays in the list, to be
 * wound down.
 * @throws chain_wrong, chain_underfunded, chain_reverted, chain_unreachable.
 */
export async function deployVault(options: DeployVaultOptions): Promise<DeployedVault> {
  const { deployer, manifest, model } = options
  const owner = deployer.account.address
  if (!isAddressEqual(owner, manifest.owner)) {
    throw new ComputePoolError('chain_wrong', `The framework is ${manifest.owner}'s, the key is ${owner}'s.`, {
      remedy: 'Deploy with the key that deployed the framework (COMPUTEPOOL_OWNER_KEY).',
    })
  }
  const { factory, usdcx } = manifest.contracts
  const { settler, keeper, pricePerSecondAtomic, maxLeaseSeconds = 30, maxSessionSeconds, slackSeconds } = options
  const terms = { settler, keeper, pricePerSecondAtomic, maxLeaseSeconds, maxSessionSeconds, slackSeconds }
  const creation = await vaultCreation(factory, { model, usdcx, owner, ...terms })
  const codeHash = keccak256(creation.artifact.bytecode)
  const known = vaultOf(manifest, model)
  if (known?.codeHash === codeHash && (await deployer.hasCode(known.address))) {
    return { manifest, vault: known, isNew: false, gasUsed: 0n }
  }
  const block = await deployer.client.getBlockNumber()
  await deployer.settle()
  const gasUsed = await ensureStep(deployer, factory, {
    name: `vault of ${model}`,
    creations: [creation],
    calls: [],
  })
  const pool = await deployer.client.readContract({
    address: creation.address,
    abi: streamVaultAbi,
    functionName: 'pool',
  })
  const vault: VaultManifest = {
    model,
    address: creation.address,
    pool: getAddress(pool),
    owner,
    settler,
    keeper,
    pricePerSecondAtomic: String(pricePerSecondAtomic),
    maxLeaseSeconds,
    codeHash,
    block: String(gasUsed === undefined ? 0n : block),
  }
  const others = manifest.vaults.filter(({ address }) => !isAddressEqual(address, vault.address))
  return {
    manifest: { ...manifest, vaults: [...others, vault] },
    vault,
    isNew: gasUsed !== undefined,
    gasUsed: gasUsed ?? 0n,
  }
}

const usdcAbi = parseAbi([
  'function balanceOf(address account) view returns (uint256)',
  'function allowance(address owner, address spender) view returns (uint256)',
  'function approve(address spender, uint256 value) returns (bool)',
  'function mint(address to, uint256 value)',
])

export interface EnsureReserveOptions {
  /** The vault's owner's. */
  readonly deployer: Deployer
  readonly manifest: ChainManifest
  readonly vault: Address
  readonly targetAtomic: bigint
}

/**
 * Fills the vault's reserve up to `targetAtomic` from the owner's USDC, of which test USDC is made as far as it is missing; what it
 * put in, in atomic units.
 * @throws chain_underfunded where the owner holds too little of a USDC that is not ours to make.
 */
export async function ensureReserve({
  deployer,
  manifest,
  vault,
  targetAtomic,
}: EnsureReserveOptions): Promise<bigint> {
  const { client } = deployer
  const owner = deployer.account.address
  const usdc = { address: manifest.contracts.usdc, abi: usdcAbi } as const
  await deployer.settle()
  const reserveWei = await client.readContract({ address: vault, abi: streamVaultAbi, functionName: 'reserveWei' })
  // Down: a part of an atomic unit more than the target is no reason to send one less.
  const missing = targetAtomic - reserveWei / 10n ** 12n
  if (missing <= 0n) return 0n
  const held = await client.readContract({ ...usdc, functionName: 'balanceOf', args: [owner] })
  if (held < missing) {
    if (!manifest.usdc.isTest) {
      throw new ComputePoolError(
        'chain_underfunded',
        `${owner} holds ${held} of the ${missing} atomic USDC for the reserve.`,
        {
          remedy: `Send USDC to ${owner}, or ask for a smaller reserve.`,
        },
      )
    }
    const data = encodeFunctionData({ abi: usdcAbi, functionName: 'mint', args: [owner, missing - held] })
    await deployer.send({ label: 'test USDC for the reserve', to: usdc.address, data })
  }
  const allowed = await client.readContract({ ...usdc, functionName: 'allowance', args: [owner, vault] })
  if (allowed < missing) {
    const data = encodeFunctionData({ abi: usdcAbi, functionName: 'approve', args: [vault, missing] })
    await deployer.send({ label: 'allowance for the reserve', to: usdc.address, data })
  }
  const data = encodeFunctionData({ abi: streamVaultAbi, functionName: 'fundReserve', args: [missing] })
  await deployer.send({ label: 'reserve', to: vault, data })
  return missing
}
