/**
 * The creation codes of our own contracts, with their constructors' arguments: where each will lie, and what an explorer must be told
 * to check it against its source. Arithmetic over what was compiled; it asks no chain.
 */
import { type Abi, type Address, encodeDeployData, type Hex } from 'viem'
import { type Artifact, artifactOf } from '../build/compile.ts'
import type { CoalitionRules } from './deploy-coalition.ts'
import { CREATE2_PROXY } from './genesis-contracts.ts'
import { type Creation, creationOf } from './plan-framework.ts'

/** Sources that a chain needs before any vault; compiled apart, so that a vault's change moves none of their addresses. */
export const chainSources: readonly string[] = ['src/chain']
export const poolSources: readonly string[] = ['src']

export interface OwnCreation extends Creation {
  readonly artifact: Artifact
  /** What it was compiled with. */
  readonly folders: readonly string[]
  /** ABI-encoded; no 0x of its own where there are none. */
  readonly argumentsData: Hex
}

async function own(
  factory: Address,
  as: string,
  { name, folders }: { name: string; folders: readonly string[] },
  args: readonly unknown[],
): Promise<OwnCreation> {
  const artifact = await artifactOf(name, folders)
  const { abi, bytecode } = artifact as { abi: Abi; bytecode: Hex }
  const initCode = encodeDeployData({ abi, bytecode, args })
  const creation = creationOf(factory, as, initCode)
  return { ...creation, artifact, folders, argumentsData: `0x${initCode.slice(bytecode.length)}` }
}

/** It comes through the CREATE2 proxy, not through itself. */
export const factoryCreationOf = (owner: Address): Promise<OwnCreation> =>
  own(CREATE2_PROXY, 'DeployFactory', { name: 'DeployFactory', folders: chainSources }, [owner])

export const testUsdcCreation = (factory: Address, owner: Address): Promise<OwnCreation> =>
  own(factory, 'TestUsdc', { name: 'TestUsdc', folders: chainSources }, [owner])

export interface VaultArguments {
  readonly model: string
  readonly usdcx: Address
  readonly owner: Address
  readonly settler: Address
  readonly keeper: Address
  readonly pricePerSecondAtomic: bigint
  /** Default 30. */
  readonly maxLeaseSeconds?: number | undefined
  /** Default 3,600. */
  readonly maxSessionSeconds?: number | undefined
  /** Default 3. */
  readonly slackSeconds?: number | undefined
}

export function vaultCreation(
  factory: Address,
  {
    model,
    usdcx,
    owner,
    settler,
    keeper,
    pricePerSecondAtomic,
    maxLeaseSeconds = 30,
    maxSessionSeconds = 3600,
    slackSeconds = 3,
  }: VaultArguments,
): Promise<OwnCreation> {
  const settings = {
    usdcx,
    owner,
    settler,
    keeper,
    pricePerSecondAtomic,
    maxLeaseSeconds,
    maxSessionSeconds,
    slackSeconds,
  }
  return own(factory, `StreamVault/${model}`, { name: 'StreamVault', folders: poolSources }, [settings])
}

export interface RegistryArguments {
  readonly usdc: Address
  readonly owner: Address
  readonly treasury: Address
  readonly quorum: number
  readonly rules: CoalitionRules
}

export const registryCreation = (
  factory: Address,
  { usdc, owner, treasury, quorum, rules }: RegistryArguments,
): Promise<OwnCreation> =>
  own(factory, 'Coalition', { name: 'Coalition', folders: poolSources }, [{ usdc, owner, treasury, quorum, ...rules }])

/** The verifier, and the token contract that asks it. */
export async function tokenCreations(
  factory: Address,
  { owner, takesSimulated }: { owner: Address; takesSimulated: boolean },
): Promise<{ verifier: OwnCreation; token: OwnCreation }> {
  const named = (name: string) => ({ name, folders: poolSources })
  const verifier = await own(factory, 'TeeDataVerifier', named('TeeDataVerifier'), [owner, takesSimulated])
  const token = await own(factory, 'PoolINFT', named('PoolINFT'), [verifier.address])
  return { verifier, token }
}
