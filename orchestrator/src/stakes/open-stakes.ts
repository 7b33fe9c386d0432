/** Opens the stakes' desk of a paid pool over what the till has opened already: which registry, which token, who relays, who gives. */
import { ComputePoolError } from '@computepool/shared/errors'
import { encodeFunctionData, type Hex, parseAbi } from 'viem'
import type { SignerQueue } from '../chain/signer-queue.ts'
import type { VaultReader } from '../chain/vault-reader.ts'
import { createCoalitionReader } from '../coalition/index.ts'
import type { Desk } from '../dispatch/index.ts'
import type { Ledger } from '../payments/ledger-port.ts'
import type { MoneyChain } from '../payments/money-chain.ts'
import type { OpenMoneyOptions } from '../payments/money-settings.ts'
import type { OutboxKeeper } from '../payments/outbox-ports.ts'
import type { Database } from '../store/database.ts'
import { createStakeDesk, type StakeDesk } from './create-stake-desk.ts'
import type { StakeRelay } from './stake-ports.ts'
import { stakeWords } from './stake-words.ts'
import { keepSweeping } from './sweep-former.ts'

type Registry = NonNullable<MoneyChain['manifest']['coalition']>

export interface Staking {
  readonly registry: Registry
  readonly stakeAtomic: bigint
}

/** Null where nothing is to be staked. Errors: `input_invalid` where a stake is asked for on a chain without a registry. */
export function requireRegistry({ manifest, chain }: MoneyChain, stakeAtomic: bigint): Staking | null {
  if (stakeAtomic === 0n) return null
  const registry = manifest.coalition
  if (registry !== undefined) return { registry, stakeAtomic }
  throw new ComputePoolError('input_invalid', `There is no registry of coalitions on ${chain.name} to stake in.`, {
    remedy: 'Deploy one (`npm run computepool -- deploy --auditors LIST --quorum N`), or start with --stake 0.',
    context: { param: '--stake' },
  })
}

export interface OpenStakesOptions {
  readonly options: OpenMoneyOptions
  readonly money: MoneyChain
  readonly staking: Staking
  readonly db: Database
  readonly ledger: Ledger
  readonly keeper: OutboxKeeper
  readonly relay: StakeRelay
  readonly owner: SignerQueue | null
  readonly vault: VaultReader
  readonly price: () => Promise<bigint>
}

/** The pool shows stakes from now on. Errors: `chain_unreachable`. */
export async function openStakes(opening: OpenStakesOptions): Promise<StakeDesk> {
  const { options, money, staking, db, ledger, keeper, relay, owner, vault, price } = opening
  const { desk, clock, entropy, manifestSha256, settings, onNotice, onFault } = options
  const { client, manifest, chain } = money
  const { registry, stakeAtomic } = staking
  const reader = createCoalitionReader(client, registry.address, BigInt(registry.block))
  const { maxTermSeconds } = await reader.config()
  const { name, version } = manifest.usdc
  const stakes = createStakeDesk(
    {
      ...{ db, clock, entropy, desk, ledger, keeper, relay, client, reader, vault, manifestSha256, stakeAtomic },
      pool: lower(money.vault.pool),
      place: { chainId: chain.id, coalition: lower(registry.address) },
      token: { address: lower(manifest.contracts.usdc), name, version },
      pricePerSecondAtomic: price,
      maxTermSeconds,
      // Tabs that try the pool out come and go: what they leave behind comes back within a day.
      ...(money.isEmbedded ? { termSeconds: 86_400 } : {}),
      // Money that is worth something is nobody's to give.
      give: money.isEmbedded ? testMint(money, owner) : null,
      times: money.isEmbedded ? {} : { tickMs: 30_000 },
      ...(settings.stakeKillPoint === undefined ? {} : { killPoint: settings.stakeKillPoint }),
      onSpent: (operator, quietMs) => {
        const atMs = clock.wallMs()
        options.onStanding?.(operator, {
          type: 'parted',
          why: stakeWords.youSpent,
          minutes: Math.round(quietMs / 60_000),
          atMs,
        })
      },
      onNotice,
      onFault,
    },
    () => desk.setStakes(stakes),
  )
  const sweep = keepSweeping({
    ...{ db, clock, relay, vault, onFault, chainId: chain.id, registries: manifest.formerCoalitions ?? [] },
    readerOf: former => createCoalitionReader(client, former.address, BigInt(former.block)),
  })
  // Units are reckoned from it next: who staked before a restart has them still.
  await stakes.start()
  return {
    ...stakes,
    close: async () => {
      await sweep.close()
      await stakes.close()
    },
  }
}

/** The desk as units are reckoned from it: who has no stake has none, unless others keep its ring from being staked. */
export function earningOnlyStaked<D extends Pick<Desk, 'withheld'>>(desk: D, stakes: StakeDesk): D {
  const { withheld } = desk
  return {
    ...desk,
    withheld: {
      isWithheld: operator => withheld.isWithheld(operator) || stakes.reasonOf(operator) !== null,
      reasonOf: operator => withheld.reasonOf(operator) ?? stakes.reasonOf(operator),
    },
  }
}

const mintAbi = parseAbi(['function mint(address to, uint256 value)'])

/** Makes test USDC; resolves with the transaction when it is in a block. Null where that is not ours to make. */
export function testMint(
  { manifest }: MoneyChain,
  owner: SignerQueue | null,
): ((to: Hex, amountAtomic: bigint) => Promise<Hex>) | null {
  if (owner === null || !manifest.usdc.isTest) return null
  return async (to, amountAtomic) => {
    const data = encodeFunctionData({ abi: mintAbi, functionName: 'mint', args: [to, amountAtomic] })
    return (await owner.execute({ to: manifest.contracts.usdc, data })).hash
  }
}

const lower = (address: Hex): Hex => address.toLowerCase() as Hex
