/**
 * Shows an explorer the sources of what lies on a chain, so that anybody can read there what the code does: our own contracts, each with
 * the standard JSON that it was compiled from. Source: the Etherscan-like API of 0G's Chainscan, which this was written against and not
 * tried on. It sends no transaction.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import { type Address, isAddressEqual } from 'viem'
import { z } from 'zod'
import { compilerVersion, standardInputOf } from '../build/compile.ts'
import type { ChainManifest } from './chain-manifest.ts'
import { publicRules } from './deploy-coalition.ts'
import {
  factoryCreationOf,
  type OwnCreation,
  registryCreation,
  testUsdcCreation,
  tokenCreations,
  vaultCreation,
} from './own-creations.ts'

export interface SourceVerdict {
  readonly contract: string
  readonly address: Address
  /** `skipped`: what lies there is not of the sources at hand, or of other arguments than the manifest tells. */
  readonly state: 'verified' | 'failed' | 'skipped'
  /** In the explorer's words, or ours; empty where it is verified. */
  readonly why: string
}

export interface VerifySourcesOptions {
  readonly manifest: ChainManifest
  /** Of the explorer, like https://chainscan-galileo.0g.ai/open/api. */
  readonly apiUrl: string
  /** Explorers that ask for one take any where they sell none. */
  readonly apiKey?: string | undefined
  readonly onProgress: (verdict: SourceVerdict) => void
  readonly signal?: AbortSignal | undefined
  /** How long the explorer may take for a contract, in looks. Default 40. */
  readonly looks?: number | undefined
  /** Between two looks; default 3 s. */
  readonly pauseMs?: number | undefined
}

const answerBytes = 16 << 20
const answerSchema = z.object({
  status: z.string().max(10),
  message: z.string().max(500).optional(),
  result: z.unknown(),
})
const sourceSchema = z.array(z.object({ SourceCode: z.string() }).loose()).max(10)

/** Every contract of ours that the manifest names; one that fails stops no other. */
export async function verifySources(options: VerifySourcesOptions): Promise<readonly SourceVerdict[]> {
  const verdicts: SourceVerdict[] = []
  for (const { address, creation } of await ownContracts(options.manifest)) {
    options.signal?.throwIfAborted()
    const verdict = await verifyOne(options, address, creation)
    verdicts.push(verdict)
    options.onProgress(verdict)
  }
  return verdicts
}

async function ownContracts(manifest: ChainManifest): Promise<{ address: Address; creation: OwnCreation }[]> {
  const { contracts, owner, usdc, vaults, coalition, inft } = manifest
  const { factory, usdcx } = contracts
  const found = [{ address: factory, creation: await factoryCreationOf(owner) }]
  if (usdc.isTest) found.push({ address: contracts.usdc, creation: await testUsdcCreation(factory, owner) })
  for (const { address, pricePerSecondAtomic, ...terms } of vaults) {
    const settings = { ...terms, usdcx, pricePerSecondAtomic: BigInt(pricePerSecondAtomic) }
    found.push({ address, creation: await vaultCreation(factory, settings) })
  }
  if (coalition) {
    const settings = { ...coalition, usdc: contracts.usdc, rules: publicRules }
    found.push({ address: coalition.address, creation: await registryCreation(factory, settings) })
  }
  if (inft) {
    const { token, verifier } = await tokenCreations(factory, inft)
    found.push({ address: inft.verifier, creation: verifier }, { address: inft.token, creation: token })
  }
  return found
}

async function verifyOne(
  options: VerifySourcesOptions,
  address: Address,
  { artifact, folders, argumentsData, address: expected }: OwnCreation,
): Promise<SourceVerdict> {
  const verdict = (state: SourceVerdict['state'], why = ''): SourceVerdict => ({
    ...{ contract: artifact.name, address, state, why },
  })
  if (!isAddressEqual(address, expected)) return verdict('skipped', 'It is not of these sources and arguments.')
  const { looks = 40, pauseMs = 3_000, signal } = options
  try {
    if (await hasSource(options, address)) return verdict('verified')
    const asked = await ask(options, 'POST', {
      action: 'verifysourcecode',
      contractaddress: address,
      sourceCode: await standardInputOf(folders),
      codeformat: 'solidity-standard-json-input',
      contractname: `${artifact.source}:${artifact.name}`,
      compilerversion: await compilerVersion(),
      // The API's own spelling.
      constructorArguements: argumentsData.slice(2),
    })
    const guid = String(asked.result)
    if (asked.status !== '1' && !/already verified/i.test(guid)) return verdict('failed', guid.slice(0, 300))
    for (let look = 0; look < looks; look++) {
      // What is told of a GUID is not reliable there; whether it shows the source is.
      if (await hasSource(options, address)) return verdict('verified')
      const { result } = await ask(options, 'GET', { action: 'checkverifystatus', guid })
      if (/^fail/i.test(String(result))) return verdict('failed', String(result).slice(0, 300))
      await sleep(pauseMs, undefined, signal ? { signal } : {})
    }
    return verdict('failed', `The explorer had not finished after ${looks} looks; ask again later.`)
  } catch (thrown) {
    signal?.throwIfAborted()
    return verdict('failed', asComputePoolError(thrown).message)
  }
}

async function hasSource(options: VerifySourcesOptions, address: Address): Promise<boolean> {
  const { result } = await ask(options, 'GET', { action: 'getsourcecode', address })
  const found = sourceSchema.safeParse(result)
  return found.success && found.data.some(({ SourceCode }) => SourceCode !== '')
}

async function ask(
  { apiUrl, apiKey = 'none', signal }: VerifySourcesOptions,
  method: 'GET' | 'POST',
  fields: Readonly<Record<string, string>>,
): Promise<z.infer<typeof answerSchema>> {
  const form = new URLSearchParams({ module: 'contract', apikey: apiKey, ...fields })
  const url = new URL(apiUrl)
  if (method === 'GET') url.search = form.toString()
  const late = AbortSignal.timeout(60_000)
  const request = { method, signal: signal ? AbortSignal.any([signal, late]) : late }
  const unreachable = (why: string, cause?: unknown) =>
    new ComputePoolError('chain_unreachable', `The explorer at ${url.host} ${why}.`, {
      remedy: 'Try again later: what is on the chain stays as it is.',
      cause,
    })
  const response = await fetch(url, { ...request, ...(method === 'POST' && { body: form }) }).catch(cause => {
    throw unreachable('does not answer', cause)
  })
  if (Number(response.headers.get('content-length') ?? 0) > answerBytes) throw unreachable('sent too much')
  const answer = answerSchema.safeParse(await response.json().catch(() => null))
  if (!response.ok || !answer.success) throw unreachable(`answered ${response.status} and nothing that can be read`)
  return answer.data
}
