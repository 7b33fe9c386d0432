/**
 * Puts PoolINFT and its verifier on a chain, with the oracles whose word counts, and where one's own chain needs it the stand-in of 0G
 * Storage's flow contract. One token contract serves all pools there. What tokens hold it does not know.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type Address,
  concatHex,
  encodeDeployData,
  encodeFunctionData,
  type Hex,
  isAddressEqual,
  keccak256,
} from 'viem'
import { teeDataVerifierAbi } from '../abi/pool-inft.ts'
import { artifactOf } from '../build/compile.ts'
import type { ChainManifest, InftManifest } from './chain-manifest.ts'
import { ensureStep } from './deploy-framework.ts'
import type { Deployer } from './deployer.ts'
import { tokenCreations } from './own-creations.ts'
import { creationOf } from './plan-framework.ts'

/** Whose re-encryptions the verifier takes. */
export interface InftOracle {
  readonly address: Address
  /** 32 bytes, not zero: what a quote of its code must show; of a simulated one, what it says of itself. */
  readonly measurement: Hex
  /** Where its quote can be fetched. */
  readonly attestationUri: string
  /** For good, like the measurement: another means another key. */
  readonly isSimulated: boolean
}

export interface InftChoice {
  readonly oracles: readonly InftOracle[]
  /** Whether simulated oracles may ever be registered; another choice is another token contract. */
  readonly takesSimulated: boolean
  /** Also a StorageFlow: on a chain of one's own, where 0G Storage is not. Default false. */
  readonly hasStorageFlow?: boolean | undefined
}

export interface DeployInftOptions extends InftChoice {
  /** The manifest's owner's. */
  readonly deployer: Deployer
  readonly manifest: ChainManifest
}

export interface DeployedInft {
  /** The manifest with the token in it. */
  readonly manifest: ChainManifest
  readonly inft: InftManifest
  readonly transactions: number
  readonly gasUsed: bigint
}

/** 0G's own chains, which have 0G's own storage. */
const chainsWithStorage = [16602, 16661]

/**
 * Token contract and verifier, deployed where they are missing or their code is another by now, and every oracle named here registered.
 * Oracles that the owner registered otherwise stay; tokens of older code stay where they are, in the manifest's list of former ones.
 * @throws input_invalid, chain_wrong, chain_underfunded, chain_reverted, chain_unreachable.
 */
export async function deployInft(options: DeployInftOptions): Promise<DeployedInft> {
  const { deployer, manifest, oracles, takesSimulated, hasStorageFlow = false } = options
  const owner = deployer.account.address
  if (!isAddressEqual(owner, manifest.owner)) {
    throw new ComputePoolError('chain_wrong', `The framework is ${manifest.owner}'s, the key is ${owner}'s.`, {
      remedy: 'Deploy with the key that deployed the framework (COMPUTEPOOL_OWNER_KEY).',
    })
  }
  const simulated = oracles.find(({ isSimulated }) => isSimulated)
  if (simulated && !takesSimulated) {
    throw new ComputePoolError('input_invalid', `The oracle ${simulated.address} is simulated.`, {
      remedy: 'Name an oracle with a quote, or a verifier that says of itself that it takes simulated ones.',
    })
  }
  if (hasStorageFlow && chainsWithStorage.includes(manifest.chainId)) {
    throw new ComputePoolError('input_invalid', `Chain ${manifest.chainId} has 0G Storage itself.`, {
      remedy: 'Deploy without the stand-in, and name an indexer of 0G.',
    })
  }
  const token = await ensureToken(options)
  const flow = hasStorageFlow
    ? await ensureFlow(deployer, manifest)
    : { address: manifest.storageFlow, gasUsed: undefined }
  const registered = await ensureOracles(deployer, token.inft.verifier, oracles)
  const replaced = manifest.inft
  const isReplaced = replaced !== undefined && !isAddressEqual(replaced.token, token.inft.token)
  const former = [...(manifest.formerInfts ?? []), ...(isReplaced ? [replaced] : [])]
  const sent = [token.gasUsed, flow.gasUsed, ...registered].filter(gas => gas !== undefined)
  return {
    manifest: {
      ...manifest,
      inft: token.inft,
      ...(flow.address && { storageFlow: flow.address }),
      ...(former.length > 0 && { formerInfts: former }),
    },
    inft: token.inft,
    transactions: sent.length,
    gasUsed: sent.reduce((sum, gas) => sum + gas, 0n),
  }
}

async function ensureToken({ deployer, manifest, takesSimulated }: DeployInftOptions) {
  const owner = deployer.account.address
  const { factory } = manifest.contracts
  const { verifier, token } = await tokenCreations(factory, { owner, takesSimulated })
  const codeHash = keccak256(concatHex([verifier.artifact.bytecode, token.artifact.bytecode]))
  const known = manifest.inft
  const isKnown = known?.codeHash === codeHash && known.takesSimulated === takesSimulated
  if (isKnown && (await deployer.hasCode(known.token)) && (await deployer.hasCode(known.verifier))) {
    return { inft: known, gasUsed: undefined }
  }
  const block = await deployer.client.getBlockNumber()
  await deployer.settle()
  const step = { name: 'pools as INFTs', creations: [verifier, token], calls: [] }
  const gasUsed = await ensureStep(deployer, factory, step)
  const inft: InftManifest = {
    token: token.address,
    verifier: verifier.address,
    owner,
    takesSimulated,
    codeHash,
    block: String(gasUsed === undefined ? 0n : block),
  }
  return { inft, gasUsed }
}

async function ensureFlow(deployer: Deployer, { contracts: { factory } }: ChainManifest) {
  const { abi, bytecode } = await artifactOf('StorageFlow', ['src/chain'])
  const creation = creationOf(factory, 'StorageFlow', encodeDeployData({ abi, bytecode }))
  await deployer.settle()
  const step = { name: 'stand-in for 0G Storage’s flow contract', creations: [creation], calls: [] }
  return { address: creation.address, gasUsed: await ensureStep(deployer, factory, step) }
}

/** What each registration burned. */
async function ensureOracles(deployer: Deployer, verifier: Address, oracles: readonly InftOracle[]): Promise<bigint[]> {
  const registry = { address: verifier, abi: teeDataVerifierAbi } as const
  const spent: bigint[] = []
  for (const { address, measurement, attestationUri, isSimulated } of oracles) {
    const found = await deployer.client.readContract({ ...registry, functionName: 'oracleOf', args: [address] })
    if (found.since !== 0n && (found.measurement !== measurement || found.isSimulated !== isSimulated)) {
      throw new ComputePoolError('input_invalid', `The oracle ${address} is registered with another measurement.`, {
        remedy: 'What an oracle measured, and whether that was simulated, stays for good: name another key.',
      })
    }
    if (found.isRegistered && found.attestationUri === attestationUri) continue
    const args = [address, measurement, attestationUri, isSimulated] as const
    const data = encodeFunctionData({ abi: teeDataVerifierAbi, functionName: 'setOracle', args })
    spent.push((await deployer.send({ label: `oracle ${address}`, to: verifier, data })).gasUsed)
  }
  return spent
}
