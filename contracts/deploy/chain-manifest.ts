/** What lies where on one chain: a JSON file per chain in the data folder, and its door. It knows no chain itself. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import { type Address, getAddress, type Hex, isAddress } from 'viem'
import { z } from 'zod'

const address = z
  .string()
  .refine(value => isAddress(value), 'not an address')
  .transform((value): Address => getAddress(value))
const atomic = z.string().regex(/^\d{1,30}$/)

/** Keccak of the creation code, without arguments: tells whether a contract is of the code that is at hand now. */
const codeHash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/)
  .transform(value => value as Hex)

const vaultSchema = z.strictObject({
  model: z.string().min(1).max(200),
  address,
  pool: address,
  owner: address,
  settler: address,
  keeper: address,
  /** Price at deployment; the owner may have changed it on chain since. */
  pricePerSecondAtomic: atomic,
  maxLeaseSeconds: z.int().positive(),
  codeHash,
  /** The block from which on its logs are: 0 where that is not known. */
  block: atomic,
})

/** The registry of coalitions; one for all vaults. */
const coalitionSchema = z.strictObject({
  address,
  owner: address,
  treasury: address,
  /** At deployment; the owner may have changed it on chain since. */
  quorum: z.int().positive().max(0xffff),
  codeHash,
  block: atomic,
})

/** Pools as INFTs; one token contract for all. */
const inftSchema = z.strictObject({
  token: address,
  verifier: address,
  owner: address,
  /** Whether simulated oracles can be registered at its verifier. */
  takesSimulated: z.boolean(),
  codeHash,
  block: atomic,
})

export const chainManifestSchema = z.strictObject({
  version: z.literal(1),
  chainId: z.int().positive(),
  owner: address,
  /** The block from which on everything below lies on the chain: logs need not be read from before (0: not known). */
  block: atomic,
  liquidationPeriodSeconds: z.int().positive(),
  contracts: z.strictObject({
    factory: address,
    host: address,
    governance: address,
    cfa: address,
    gda: address,
    superTokenFactory: address,
    cfaForwarder: address,
    gdaForwarder: address,
    poolBeacon: address,
    poolLogic: address,
    simpleAcl: address,
    usdc: address,
    usdcx: address,
  }),
  /** `isTest`: it is our own TestUsdc, made by who likes; name and version are its EIP-712 domain. */
  usdc: z.strictObject({ name: z.string().max(100), version: z.string().max(20), isTest: z.boolean() }),
  vaults: z.array(vaultSchema).max(1000),
  /** Absent where there is none, as in manifests from before there were coalitions. */
  coalition: coalitionSchema.optional(),
  /** Registries of older code: their coalitions go on there, and their stakes are released there. */
  formerCoalitions: z.array(coalitionSchema).max(100).optional(),
  inft: inftSchema.optional(),
  /** Of older code: their tokens stay there. */
  formerInfts: z.array(inftSchema).max(100).optional(),
  /** Stands in for 0G Storage's flow contract; on chains of one's own. */
  storageFlow: address.optional(),
})

export type ChainManifest = z.infer<typeof chainManifestSchema>
export type VaultManifest = z.infer<typeof vaultSchema>
export type CoalitionManifest = z.infer<typeof coalitionSchema>
export type InftManifest = z.infer<typeof inftSchema>

/** Where the manifest of `chainId` lies in a data folder. */
export function manifestPath(dataDir: string, chainId: number): string {
  return join(dataDir, 'chains', `${chainId}.json`)
}

/**
 * The manifest of `chainId`, or undefined where there is none.
 * @throws chain_state_invalid where the file is not one.
 */
export async function readChainManifest(dataDir: string, chainId: number): Promise<ChainManifest | undefined> {
  const file = manifestPath(dataDir, chainId)
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return chainManifestSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new ComputePoolError('chain_state_invalid', `${file} is not a chain's manifest.`, {
      remedy: 'Remove the file: it is written anew from what lies on the chain.',
      cause,
    })
  }
}

/** Replaces the manifest as a whole: a reader sees the old one or the new one. */
export async function writeChainManifest(dataDir: string, manifest: ChainManifest): Promise<void> {
  const file = manifestPath(dataDir, manifest.chainId)
  await mkdir(join(dataDir, 'chains'), { recursive: true })
  const draft = `${file}.${process.pid}`
  await writeFile(draft, `${JSON.stringify(chainManifestSchema.parse(manifest), null, 2)}\n`)
  await rename(draft, file)
}
