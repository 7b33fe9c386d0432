/**
 * Puts the registry of coalitions on a chain that holds the framework, and registers its auditors: one registry serves all vaults
 * there. What coalitions do with stakes it does not know.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Address, encodeFunctionData, isAddressEqual, keccak256, parseAbi } from 'viem'
import type { ChainManifest, CoalitionManifest } from './chain-manifest.ts'
import { ensureStep } from './deploy-framework.ts'
import type { Deployer } from './deployer.ts'
import { registryCreation } from './own-creations.ts'

/** What a deployment asks and sets; the whole is in `abi/`. */
export const registryAbi = parseAbi([
  'struct Config { address usdc; address owner; address treasury; uint16 quorum; uint96 bondAtomic; uint96 accuserCostAtomic; uint32 responseSeconds; uint32 voteSeconds; uint32 unbondingSeconds; uint32 maxTermSeconds; uint16[4] slashBps; }',
  'function config() view returns (Config)',
  'function isAuditor(address account) view returns (bool)',
  'function setAuditor(address auditor, bool isAuditor)',
  'function setQuorum(uint16 quorum)',
])

/** What holds for every coalition of a registry and cannot be changed later. Amounts in atomic USDC, shares in basis points. */
export interface CoalitionRules {
  /** A bond is at least this; an accuser who is wrong loses it. */
  readonly bondAtomic: bigint
  /** Of an accuser who was right, out of the slash. */
  readonly accuserCostAtomic: bigint
  readonly responseSeconds: number
  readonly voteSeconds: number
  /** At least response and vote together. */
  readonly unbondingSeconds: number
  readonly maxTermSeconds: number
  /** Of the stake, for: wrong output, broken receipts, withheld work, false witness. */
  readonly slashBps: readonly [number, number, number, number]
}

const day = 86_400
/** Time for a person to answer an accusation. */
export const publicRules: CoalitionRules = {
  bondAtomic: 1_000_000n,
  accuserCostAtomic: 500_000n,
  responseSeconds: 3_600,
  voteSeconds: 3_600,
  unbondingSeconds: day,
  maxTermSeconds: 30 * day,
  slashBps: [10_000, 5_000, 5_000, 10_000],
}
/** On one's own chain programs answer, and a whole dispute fits into a few minutes. */
export const embeddedRules: CoalitionRules = {
  ...publicRules,
  responseSeconds: 30,
  voteSeconds: 300,
  unbondingSeconds: 600,
}

export interface CoalitionChoice {
  readonly auditors: readonly Address[]
  /** How many of them must agree. */
  readonly quorum: number
  /** Gets dust, and what a slash leaves to nobody else. Default: the owner. Like the rules, of a new registry only. */
  readonly treasury?: Address | undefined
  /** Default: `publicRules`. */
  readonly rules?: CoalitionRules | undefined
}

export interface DeployCoalitionOptions extends CoalitionChoice {
  /** The manifest's owner's. */
  readonly deployer: Deployer
  readonly manifest: ChainManifest
}

export interface DeployedCoalition {
  /** The manifest with the registry in it. */
  readonly manifest: ChainManifest
  readonly coalition: CoalitionManifest
  /** False where it lay there already. */
  readonly isNew: boolean
  readonly transactions: number
  readonly gasUsed: bigint
}

/**
 * The registry, deployed where it is missing or its code is another by now, and every auditor named here registered, with that
 * quorum. Auditors whom the owner registered otherwise stay. A registry of older code stays in the manifest's list of former ones.
 * @throws input_invalid, chain_wrong, chain_underfunded, chain_reverted, chain_unreachable.
 */
export async function deployCoalition(options: DeployCoalitionOptions): Promise<DeployedCoalition> {
  const { deployer, manifest, quorum, auditors } = options
  const owner = deployer.account.address
  checkAuditors(auditors, quorum)
  if (!isAddressEqual(owner, manifest.owner)) {
    throw new ComputePoolError('chain_wrong', `The framework is ${manifest.owner}'s, the key is ${owner}'s.`, {
      remedy: 'Deploy with the key that deployed the framework (COMPUTEPOOL_OWNER_KEY).',
    })
  }
  const { coalition: found, gasUsed } = await ensureRegistry(options)
  const set = await ensureAuditors(deployer, found.address, auditors, quorum)
  const coalition: CoalitionManifest = { ...found, quorum }
  const replaced = manifest.coalition
  const isReplaced = replaced !== undefined && !isAddressEqual(replaced.address, coalition.address)
  const former = [...(manifest.formerCoalitions ?? []), ...(isReplaced ? [replaced] : [])]
  return {
    manifest: { ...manifest, coalition, ...(former.length > 0 && { formerCoalitions: former }) },
    coalition,
    isNew: gasUsed !== undefined,
    transactions: (gasUsed === undefined ? 0 : 1) + set.transactions,
    gasUsed: (gasUsed ?? 0n) + set.gasUsed,
  }
}

async function ensureRegistry({
  deployer,
  manifest,
  quorum,
  treasury = deployer.account.address,
  rules = publicRules,
}: DeployCoalitionOptions): Promise<{ coalition: CoalitionManifest; gasUsed: bigint | undefined }> {
  const owner = deployer.account.address
  const { factory, usdc } = manifest.contracts
  const creation = await registryCreation(factory, { usdc, owner, treasury, quorum, rules })
  const codeHash = keccak256(creation.artifact.bytecode)
  const known = manifest.coalition
  if (known?.codeHash === codeHash && (await deployer.hasCode(known.address))) {
    return { coalition: known, gasUsed: undefined }
  }
  const block = await deployer.client.getBlockNumber()
  await deployer.settle()
  const step = { name: 'registry of coalitions', creations: [creation], calls: [] }
  const gasUsed = await ensureStep(deployer, factory, step)
  const { address } = creation
  return {
    coalition: { address, owner, treasury, quorum, codeHash, block: String(gasUsed === undefined ? 0n : block) },
    gasUsed,
  }
}

/** Auditors first: a quorum is never above those who may vote. */
async function ensureAuditors(deployer: Deployer, address: Address, auditors: readonly Address[], quorum: number) {
  const registry = { address, abi: registryAbi } as const
  const { client } = deployer
  let transactions = 0
  let gasUsed = 0n
  const send = async (label: string, data: `0x${string}`) => {
    gasUsed += (await deployer.send({ label, to: address, data })).gasUsed
    transactions++
  }
  for (const auditor of auditors) {
    if (await client.readContract({ ...registry, functionName: 'isAuditor', args: [auditor] })) continue
    const data = encodeFunctionData({ abi: registryAbi, functionName: 'setAuditor', args: [auditor, true] })
    await send(`auditor ${auditor}`, data)
  }
  if ((await client.readContract({ ...registry, functionName: 'config' })).quorum !== quorum) {
    await send('quorum', encodeFunctionData({ abi: registryAbi, functionName: 'setQuorum', args: [quorum] }))
  }
  return { transactions, gasUsed }
}

function checkAuditors(auditors: readonly Address[], quorum: number): void {
  const different = new Set(auditors.map(auditor => auditor.toLowerCase())).size
  if (different !== auditors.length) {
    throw new ComputePoolError('input_invalid', 'An auditor is named twice; each has one vote.', {
      remedy: 'Name each auditor once.',
    })
  }
  if (Number.isInteger(quorum) && quorum >= 1 && quorum <= different) return
  throw new ComputePoolError('input_invalid', `A quorum of ${quorum} cannot come from ${different} auditors.`, {
    remedy: 'The quorum is a whole number from 1 to the number of auditors.',
  })
}
