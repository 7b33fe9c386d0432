/**
 * Reads Superfluid's creation codes out of its npm package and links its libraries. Nothing of it lies in this repository. It
 * knows where the package keeps what, and no chain.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Abi, Address, Hex } from 'viem'

const resolveFrom = createRequire(import.meta.url)
const PACKAGE = '@superfluid-finance/ethereum-contracts'

/** Where each contract's artifact lies below build/hardhat/contracts. */
const folders = {
  ConstantFlowAgreementV1: 'agreements',
  GeneralDistributionAgreementV1: 'agreements/gdav1',
  PoolAdminNFT: 'agreements/gdav1',
  SuperfluidPool: 'agreements/gdav1',
  SuperfluidPoolDeployerLibrary: 'agreements/gdav1',
  SlotsBitmapLibrary: 'libs',
  Superfluid: 'superfluid',
  SuperToken: 'superfluid',
  SuperTokenFactory: 'superfluid',
  SuperfluidUpgradeableBeacon: 'upgradability',
  UUPSProxy: 'upgradability',
  CFAv1Forwarder: 'utils',
  ERC2771Forwarder: 'utils',
  GDAv1Forwarder: 'utils',
  SimpleACL: 'utils',
  SimpleForwarder: 'utils',
  TestGovernance: 'utils',
} as const

export type SuperfluidName = keyof typeof folders

export interface SuperfluidArtifact {
  readonly abi: Abi
  /** Creation code; where `linkReferences` is not empty it must go through `linkLibraries` first. */
  readonly bytecode: Hex
  readonly linkReferences: LinkReferences
}

type LinkReferences = Readonly<
  Record<string, Readonly<Record<string, readonly { readonly start: number; readonly length: number }[]>>>
>

export type SuperfluidArtifacts = Readonly<Record<SuperfluidName, SuperfluidArtifact>>

/**
 * Every artifact that a deployment needs, and the creation code of the ERC-1820 registry.
 * @throws chain_unavailable where the package is not installed or has another layout.
 */
export async function readSuperfluidArtifacts(): Promise<{ artifacts: SuperfluidArtifacts; erc1820Code: string }> {
  try {
    const root = dirname(resolveFrom.resolve(`${PACKAGE}/package.json`))
    const entries = await Promise.all(
      Object.entries(folders).map(async ([name, folder]) => [
        name,
        await readJson(join(root, 'build/hardhat/contracts', folder, `${name}.sol`, `${name}.json`)),
      ]),
    )
    const registry = (await readJson(join(root, 'dev-scripts/artifacts/ERC1820Registry.json'))) as { bin: string }
    return { artifacts: Object.fromEntries(entries) as SuperfluidArtifacts, erc1820Code: registry.bin }
  } catch (cause) {
    throw new ComputePoolError('chain_unavailable', `Superfluid's contracts could not be read from ${PACKAGE}.`, {
      remedy: 'Run `npm install`: the package holds the code that is deployed.',
      cause,
    })
  }
}

/** `artifact`'s creation code with each library's address written where the compiler left room. */
export function linkLibraries(artifact: SuperfluidArtifact, libraries: Readonly<Record<string, Address>>): Hex {
  let code: string = artifact.bytecode
  for (const references of Object.values(artifact.linkReferences)) {
    for (const [name, places] of Object.entries(references)) {
      const library = libraries[name]
      if (!library) throw new ComputePoolError('bug_unreachable_state', `The library ${name} has no address yet.`)
      for (const { start, length } of places) {
        const from = 2 + start * 2
        code = code.slice(0, from) + library.slice(2).toLowerCase() + code.slice(from + length * 2)
      }
    }
  }
  return code as Hex
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8'))
}
