/**
 * `computepool deploy`: puts the framework, a model's vault if one is named, the registry of coalitions if it has auditors and pools as
 * tokens if they are asked for, on the embedded chain, on 0G's networks or on any endpoint; or says beforehand what that would cost.
 * It knows keys from the environment only, and prints none.
 */
import { knownChain, startEmbeddedChain, zeroGMainnet } from '@computepool/contracts/chain'
import {
  auditorKeysOf,
  type ChainManifest,
  type CoalitionChoice,
  createDeployer,
  type Deployer,
  type DeploymentEstimate,
  type DeployProgress,
  embeddedDeployer,
  embeddedRules,
  ensureDeployment,
  estimateDeployment,
  exerciseDeployment,
  type InftChoice,
  ownAuditors,
  readChainManifest,
  type SourceVerdict,
  verifySources,
} from '@computepool/contracts/deploy'
import { ComputePoolError } from '@computepool/shared/errors'
import { type Address, createPublicClient, formatEther, formatGwei, type Hex, http, isAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

export interface DeployChainOptions {
  /** "embedded", "0g-galileo", "0g-mainnet" or an RPC's URL. */
  readonly chain: string
  readonly dataDir: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Another endpoint for a chain that has a name. */
  readonly rpcUrl?: string | undefined
  readonly isDryRun: boolean
  /** Streams test money through what was deployed; costs gas. */
  readonly isTriedOut: boolean
  readonly liquidationPeriodSeconds?: number | undefined
  readonly usdc?: string | undefined
  readonly model?: string | undefined
  readonly pricePerSecondAtomic: bigint
  readonly reserveAtomic: bigint
  /** Addresses, with commas between them. On the embedded chain, with a model, default: three of the owner's. */
  readonly auditors?: string | undefined
  /** Of them; default: more than half. */
  readonly quorum?: number | undefined
  readonly treasury?: string | undefined
  /** Pools as tokens. */
  readonly inft?: { readonly oracles: readonly string[]; readonly takesSimulated: boolean } | undefined
  /** Shows the chain's explorer the sources afterwards. */
  readonly sources?: { readonly explorerUrl: string | undefined; readonly apiKey: string | undefined } | undefined
  readonly onProgress: (progress: DeployProgress) => void
  readonly onVerdict?: ((verdict: SourceVerdict) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface DeployedChain {
  readonly chainId: number
  readonly chainName: string
  /** Undefined after a dry run of a chain that holds nothing yet. */
  readonly manifest: ChainManifest | undefined
  readonly estimate: DeploymentEstimate | undefined
  readonly transactions: number
  readonly gasUsed: bigint
  readonly streamedWei: bigint | undefined
  /** Of each contract, where an explorer was to be shown its source. */
  readonly sources?: readonly SourceVerdict[] | undefined
}

/** @throws input_invalid, chain_unreachable, chain_underfunded, chain_deploy_refused, chain_reverted, chain_wrong, chain_unavailable. */
export async function deployChain(options: DeployChainOptions): Promise<DeployedChain> {
  const usdc = options.usdc === undefined ? undefined : addressOf(options.usdc, '--usdc')
  const named = options.auditors?.split(',').map(auditor => addressOf(auditor.trim(), '--auditors'))
  const treasury = options.treasury === undefined ? undefined : addressOf(options.treasury, '--treasury')
  const inft = options.inft === undefined ? undefined : inftOf(options.inft)
  const target = options.chain === 'embedded' ? await openEmbedded(options) : await openRemote(options)
  const { deployer } = target
  try {
    const chainId = await deployer.client.getChainId()
    const base = { chainId, chainName: target.name }
    const known = await readChainManifest(options.dataDir, chainId)
    if (chainId === zeroGMainnet.id && usdc === undefined && known === undefined) {
      throw new ComputePoolError('input_invalid', 'There is no test money on 0G’s main network.', {
        remedy: 'Name a USDC with EIP-3009 that is there, with --usdc.',
      })
    }
    const wanted = {
      deployer,
      dataDir: options.dataDir,
      usdc,
      ...(options.model !== undefined && {
        vault: {
          model: options.model,
          settler: target.settler,
          keeper: target.keeper,
          pricePerSecondAtomic: options.pricePerSecondAtomic,
          reserveAtomic: options.reserveAtomic,
        },
      }),
      coalition: coalitionOf(options, { named, own: target.auditors, treasury }),
      inft,
    }
    const explorerUrl = options.sources === undefined ? undefined : explorerOf(options.sources, target)
    if (options.isDryRun) {
      const estimate = await estimateDeployment(wanted)
      return { ...base, manifest: known, estimate, transactions: 0, gasUsed: 0n, streamedWei: undefined }
    }
    const { liquidationPeriodSeconds, onProgress } = options
    const { manifest, transactions, gasUsed } = await ensureDeployment({
      ...wanted,
      liquidationPeriodSeconds,
      onProgress,
    })
    const sources = explorerUrl === undefined ? undefined : await showSources(options, explorerUrl, manifest)
    const tried = options.isTriedOut ? await exerciseDeployment(deployer, manifest) : undefined
    return {
      ...base,
      manifest,
      estimate: undefined,
      transactions: transactions + (tried?.transactions ?? 0),
      gasUsed: gasUsed + (tried?.gasUsed ?? 0n),
      streamedWei: tried?.streamedWei,
      sources,
    }
  } finally {
    await target.close()
  }
}

interface Target {
  readonly name: string
  readonly deployer: Deployer
  readonly settler: Address
  readonly keeper: Address
  /** Those that the chain has without being told any. */
  readonly auditors: readonly Address[]
  /** API of the chain's explorer. */
  readonly explorerUrl: string | undefined
  close(): Promise<void>
}

/** @throws input_invalid where nobody knows one: before anything is sent. */
function explorerOf({ explorerUrl }: NonNullable<DeployChainOptions['sources']>, target: Target): string {
  const url = explorerUrl ?? target.explorerUrl
  if (url !== undefined && /^https?:$/.test(URL.parse(url)?.protocol ?? '')) return url
  throw new ComputePoolError('input_invalid', `${target.name} has no explorer that is known here.`, {
    remedy: 'Name the explorer’s API with --explorer URL.',
  })
}

const showSources = (options: DeployChainOptions, apiUrl: string, manifest: ChainManifest) =>
  verifySources({
    ...{ manifest, apiUrl, apiKey: options.sources?.apiKey, signal: options.signal },
    onProgress: verdict => options.onVerdict?.(verdict),
  })

/** Undefined where no registry is asked for: without auditors of its own a chain's pools stay unstaked. */
function coalitionOf(
  options: DeployChainOptions,
  given: { named: readonly Address[] | undefined; own: readonly Address[]; treasury: Address | undefined },
): CoalitionChoice | undefined {
  const { named, own, treasury } = given
  const auditors = named ?? (options.model === undefined ? [] : own)
  if (auditors.length === 0) {
    if (options.quorum === undefined && treasury === undefined) return undefined
    throw new ComputePoolError('input_invalid', '--quorum and --treasury are of a registry, which has no auditors.', {
      remedy: 'Name them with --auditors, with commas between the addresses.',
    })
  }
  return {
    auditors,
    quorum: options.quorum ?? (named ? Math.floor(auditors.length / 2) + 1 : ownAuditors.quorum),
    treasury,
    rules: options.chain === 'embedded' ? embeddedRules : undefined,
  }
}

/** Each as ADDRESS,MEASUREMENT or ADDRESS,MEASUREMENT,URI; a verifier that takes simulated oracles is told simulated ones. */
function inftOf({ oracles, takesSimulated }: NonNullable<DeployChainOptions['inft']>): InftChoice {
  return {
    takesSimulated,
    oracles: oracles.map(text => {
      const [address = '', measurement = '', ...rest] = text.split(',')
      if (!/^0x[0-9a-f]{64}$/i.test(measurement) || /^0x0+$/.test(measurement)) {
        throw new ComputePoolError('input_invalid', `--oracle names no measurement: "${text.slice(0, 120)}".`, {
          remedy:
            'Write ADDRESS,MEASUREMENT or ADDRESS,MEASUREMENT,URI; a measurement is 0x and 64 hexadecimal digits.',
        })
      }
      return {
        address: addressOf(address, '--oracle'),
        measurement: measurement.toLowerCase() as Hex,
        attestationUri: rest.join(','),
        isSimulated: takesSimulated,
      }
    }),
  }
}

async function openEmbedded({ dataDir }: DeployChainOptions): Promise<Target> {
  const embedded = await startEmbeddedChain({ dataDir })
  return {
    name: embedded.chain.name,
    deployer: embeddedDeployer(embedded),
    settler: privateKeyToAccount(embedded.keys.settler).address,
    keeper: privateKeyToAccount(embedded.keys.keeper).address,
    auditors: auditorKeysOf(embedded.keys.owner).map(key => privateKeyToAccount(key).address),
    explorerUrl: undefined,
    close: () => embedded.close(),
  }
}

async function openRemote({ chain: name, rpcUrl, environment, model, signal }: DeployChainOptions): Promise<Target> {
  const owner = accountOf(environment, 'COMPUTEPOOL_OWNER_KEY')
  const settler = model === undefined ? owner : accountOf(environment, 'COMPUTEPOOL_SETTLER_KEY')
  const keeper = model === undefined ? owner : accountOf(environment, 'COMPUTEPOOL_KEEPER_KEY')
  const { chain, settings, url } = await knownChain(name, rpcUrl)
  const client = createPublicClient({
    chain,
    transport: http(url, { timeout: 60_000, retryCount: 5, retryDelay: 1000 }),
    cacheTime: 0,
  })
  const chainId = await client.getChainId().catch(() => undefined)
  if (chainId !== chain.id) {
    throw chainId === undefined
      ? new ComputePoolError('chain_unreachable', `No chain answers for ${name}.`, {
          remedy: 'Check the network, or name another endpoint with --rpc.',
        })
      : new ComputePoolError('chain_wrong', `The endpoint is chain ${chainId}'s; ${name} is ${chain.id}.`, {
          remedy: 'Name an endpoint of that chain with --rpc.',
        })
  }
  return {
    name: chain.name,
    deployer: createDeployer({ client, chain, account: owner, settings, signal }),
    settler: settler.address,
    keeper: keeper.address,
    auditors: [],
    explorerUrl: chain.blockExplorers?.default.apiUrl,
    close: async () => {},
  }
}

function accountOf(environment: DeployChainOptions['environment'], name: string) {
  const key = environment[name]
  if (key === undefined || !/^0x[0-9a-fA-F]{64}$/.test(key)) {
    throw new ComputePoolError(
      'input_invalid',
      key === undefined ? `${name} is not set.` : `${name} is not a private key.`,
      {
        remedy: `Set ${name} to 0x and 64 hexadecimal digits. Use a key of its own, with little on it.`,
      },
    )
  }
  return privateKeyToAccount(key as Hex)
}

function addressOf(value: string, option: string): Address {
  if (isAddress(value)) return value
  throw new ComputePoolError('input_invalid', `${option} is not an address: "${value}".`, {
    remedy: 'An address is 0x and 40 hexadecimal digits.',
  })
}

/** What came of it, as one or more lines. */
export function describeDeployed({
  chainName,
  chainId,
  manifest,
  estimate,
  transactions,
  gasUsed,
  streamedWei,
  sources,
}: DeployedChain): string {
  if (estimate) {
    if (estimate.transactions === 0) return `${chainName} (${chainId}) holds everything already; nothing would be sent.`
    const planned = estimate.steps.map(({ name, isThere, gas }) =>
      isThere ? `  there    ${name}` : `  to send  ${name}: ${millions(gas)} gas`,
    )
    return [
      ...planned,
      `${chainName} (${chainId}): about ${estimate.transactions} transactions, ${millions(estimate.gas)} gas at ` +
        `${formatGwei(estimate.gasPriceWei)} gwei: ${formatEther(estimate.costWei)} of its coin; ` +
        `the owner ${estimate.owner} has ${formatEther(estimate.balanceWei)}.` +
        (estimate.balanceWei < estimate.costWei ? ' That is too little.' : ''),
    ].join('\n')
  }
  const vaults = manifest?.vaults.map(({ model, address }) => `\n  vault of ${model}: ${address}`).join('') ?? ''
  const { coalition } = manifest ?? {}
  const registry = coalition ? `\n  coalitions: ${coalition.address}` : '\n  coalitions: none, pools are unstaked'
  const { inft } = manifest ?? {}
  const tokens = inft
    ? `\n  pools as tokens: ${inft.token}${inft.takesSimulated ? ' (takes simulated oracles)' : ''}`
    : ''
  const tried = streamedWei === undefined ? '' : `\n  tried out: ${streamedWei} wei streamed, to the wei`
  const shown = sources?.map(
    ({ contract, address, state, why }) => `\n  source of ${contract} (${address}): ${state}${why && `: ${why}`}`,
  )
  return (
    `${chainName} (${chainId}): ${transactions === 0 ? 'all was there' : `${transactions} transactions, ${millions(gasUsed)} gas`}, checked.` +
    `\n  USDC: ${manifest?.contracts.usdc}${manifest?.usdc.isTest ? ' (test money)' : ''}\n  USDCx: ${manifest?.contracts.usdcx}${vaults}${registry}${tokens}${tried}${shown?.join('') ?? ''}`
  )
}

function millions(gas: bigint): string {
  return `${(Number(gas) / 1e6).toFixed(1)} M`
}
