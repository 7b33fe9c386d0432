/** The chain that the till works on: our own anvil, or somebody else's by keys from the environment. It deploys what is missing. */
import { type EmbeddedChain, knownChain, startEmbeddedChain } from '@computepool/contracts/chain'
import {
  auditorKeysOf,
  type ChainManifest,
  type CoalitionRules,
  createDeployer,
  embeddedDeployer,
  embeddedRules,
  ensureDeployment,
  ownAuditors,
  readChainManifest,
  type VaultManifest,
  vaultOf,
} from '@computepool/contracts/deploy'
import { ComputePoolError } from '@computepool/shared/errors'
import { type Chain, createPublicClient, type Hex, http, type LocalAccount, type PublicClient } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { SignerQueue } from '../chain/signer-queue.ts'
import { accuserKeyOf } from '../disputes/accuser-key.ts'
import { storageKeyOf } from '../storage0g/index.ts'

export interface ForeignKeys {
  /** Needed only to deploy and to change the price. */
  readonly owner: Hex | null
  readonly settler: Hex
  readonly keeper: Hex
  /** Puts a bond at stake for what the pool convicts an operator of; absent: convictions stay off the chain. */
  readonly accuser?: Hex | null
}

export type ChainChoice =
  /** `rules`: of its registry, where that is made now; default: `embeddedRules`. */
  | { readonly kind: 'embedded'; readonly rules?: CoalitionRules }
  /** `name`: a chain that we know, or an RPC's address. */
  | { readonly kind: 'foreign'; readonly name: string; readonly rpcUrl?: string; readonly keys: ForeignKeys }

export interface OpenMoneyChainOptions {
  readonly choice: ChainChoice
  readonly dataDir: string
  readonly model: string
  readonly pricePerSecondAtomic: bigint
  readonly onNotice: (text: string) => void
}

export interface MoneyChain {
  readonly chain: Chain
  readonly client: PublicClient
  readonly manifest: ChainManifest
  readonly vault: VaultManifest
  readonly owner: LocalAccount | null
  readonly settler: LocalAccount
  readonly keeper: LocalAccount
  /** Null where convictions stay off the chain. */
  readonly accuser: LocalAccount | null
  /** Keys of the chain's own auditors; none elsewhere, where auditors are other people. */
  readonly auditorKeys: readonly Hex[]
  /** Pays for storage on a chain of our own; null elsewhere. It holds no coins by itself. */
  readonly storageKey: Hex | null
  readonly tipFloorWei: bigint
  readonly isEmbedded: boolean
  readonly rpcUrl: string
  /** Native test coins; null where they are not ours to give. */
  readonly fund: EmbeddedChain['fund'] | null
  close(): Promise<void>
}

export interface OpenedChain {
  readonly money: MoneyChain
  /** The owner's transactions, in the only queue that may send them; null where its key is not here. */
  readonly owner: SignerQueue | null
  /** Signs what is encrypted anew for a token's next owner, and is sealed to. */
  readonly oracleKey: Hex
  /** Where pages read the chain. */
  readonly pageRpcUrl: string
}

/** Enough test money for a thousand streams at once. */
const embeddedReserveAtomic = 1_000_000_000n
const liquidationPeriodSeconds = 60

/** Errors: `chain_unavailable`, `chain_unreachable`, `chain_underfunded`, `chain_wrong`, `chain_state_invalid`. */
export function openMoneyChain(options: OpenMoneyChainOptions): Promise<MoneyChain> {
  const { choice } = options
  return choice.kind === 'embedded' ? openEmbedded(options, choice) : openForeign(options, choice)
}

async function openEmbedded(
  { dataDir, model, pricePerSecondAtomic, onNotice }: OpenMoneyChainOptions,
  { rules = embeddedRules }: Extract<ChainChoice, { kind: 'embedded' }>,
): Promise<MoneyChain> {
  const embedded = await startEmbeddedChain({ dataDir, onNotice })
  try {
    const auditorKeys = auditorKeysOf(embedded.keys.owner)
    const [owner, settler, keeper] = [embedded.keys.owner, embedded.keys.settler, embedded.keys.keeper].map(key =>
      privateKeyToAccount(key),
    ) as [LocalAccount, LocalAccount, LocalAccount]
    const { manifest, vault } = await ensureDeployment({
      deployer: embeddedDeployer(embedded),
      dataDir,
      liquidationPeriodSeconds,
      vault: {
        model,
        settler: settler.address,
        keeper: keeper.address,
        pricePerSecondAtomic,
        reserveAtomic: embeddedReserveAtomic,
      },
      coalition: {
        auditors: auditorKeys.map(key => privateKeyToAccount(key).address),
        quorum: ownAuditors.quorum,
        rules,
      },
    })
    return {
      chain: embedded.chain,
      client: clientOf(embedded.chain, embedded.url, 200),
      manifest,
      vault: vault!,
      owner,
      settler,
      keeper,
      accuser: privateKeyToAccount(accuserKeyOf(embedded.keys.owner)),
      auditorKeys,
      storageKey: storageKeyOf(embedded.keys.owner),
      tipFloorWei: 0n,
      isEmbedded: true,
      rpcUrl: embedded.url,
      fund: embedded.fund,
      close: embedded.close,
    }
  } catch (thrown) {
    await embedded.close()
    throw thrown
  }
}

async function openForeign(
  { dataDir, model, pricePerSecondAtomic }: OpenMoneyChainOptions,
  { name, rpcUrl, keys }: Extract<ChainChoice, { kind: 'foreign' }>,
): Promise<MoneyChain> {
  const { chain, settings, url } = await knownChain(name, rpcUrl)
  const client = clientOf(chain, url, settings.pollingIntervalMs)
  const [settler, keeper] = [privateKeyToAccount(keys.settler), privateKeyToAccount(keys.keeper)]
  const owner = keys.owner === null ? null : privateKeyToAccount(keys.owner)
  let manifest = await readChainManifest(dataDir, chain.id)
  let vault = manifest === undefined ? undefined : vaultOf(manifest, model)
  if (vault === undefined && owner !== null) {
    const deployer = createDeployer({ client, chain, account: owner, settings })
    const made = await ensureDeployment({
      deployer,
      dataDir,
      vault: { model, settler: settler.address, keeper: keeper.address, pricePerSecondAtomic },
    })
    manifest = made.manifest
    vault = made.vault
  }
  if (manifest === undefined || vault === undefined) {
    throw new ComputePoolError('chain_wrong', `No vault of ${model} is known on ${chain.name}.`, {
      remedy: `Set COMPUTEPOOL_OWNER_KEY once, so that it can be deployed, or run \`npm run computepool -- deploy --chain ${name}\`.`,
    })
  }
  const { tipFloorWei } = settings
  return {
    chain,
    client,
    manifest,
    vault,
    owner,
    settler,
    keeper,
    accuser: keys.accuser ? privateKeyToAccount(keys.accuser) : null,
    auditorKeys: [],
    storageKey: null,
    tipFloorWei,
    isEmbedded: false,
    rpcUrl: url,
    fund: null,
    close: async () => {},
  }
}

const clientOf = (chain: Chain, url: string, pollingInterval: number): PublicClient =>
  createPublicClient({ chain, transport: http(url), pollingInterval, cacheTime: 0 })
