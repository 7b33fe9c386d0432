/** Opens the dispute desk of a paid pool over what the till has opened already: which registry, who accuses, who relays, who funds the bond. */
import type { Hex } from 'viem'
import type { SignerQueue } from '../chain/signer-queue.ts'
import type { VaultReader } from '../chain/vault-reader.ts'
import { createCoalitionReader, relayTo } from '../coalition/index.ts'
import type { Ledger } from '../payments/ledger-port.ts'
import type { MoneyChain } from '../payments/money-chain.ts'
import type { OpenMoneyOptions } from '../payments/money-settings.ts'
import { type StakeDesk, testMint } from '../stakes/index.ts'
import { createStakeBook } from '../stakes/stake-book.ts'
import type { Database } from '../store/database.ts'
import { createDisputeDesk, type DisputeDesk } from './dispute-desk.ts'
import type { DisputeChain, DisputeDeskOptions } from './dispute-ports.ts'

export interface OpenDisputesOptions {
  readonly options: OpenMoneyOptions
  readonly money: MoneyChain
  /** Null: an unstaked pool. */
  readonly stakes: StakeDesk | null
  readonly db: Database
  readonly ledger: Ledger
  readonly keeper: DisputeDeskOptions['keeper']
  readonly vault: Pick<VaultReader, 'session'>
  readonly relay: SignerQueue
  readonly owner: SignerQueue | null
  /** The figures that a pool shows are others. */
  readonly onChange: () => void
}

/** Takes up at once what a killed process left, also where nobody stakes or accuses any more. */
export function openDisputes(opening: OpenDisputesOptions): DisputeDesk {
  const { options, money, db, ledger, keeper, vault: reader, onChange } = opening
  const { clock, url, onFault, onAcquitted = () => {}, settings } = options
  const disputes = createDisputeDesk({
    ...{ db, clock, ledger, keeper, onAcquitted, onChange, onFault },
    vault: money.vault.address,
    chain: chainOf(opening),
    chainAt: registry => chainAt(opening, { registry, block: 0n }),
    harmed: { vaultSession: reader.session },
    coalitionsOf: operator => coalitionsOf(opening, operator),
    origin: new URL(url).origin,
    pollMs: money.isEmbedded ? 1000 : 15_000,
    ...(settings.disputeKillPoint === undefined ? {} : { killPoint: settings.disputeKillPoint }),
  })
  disputes.start()
  return disputes
}

/** Null where this chain has no registry. Nobody is accused without a stake, or without the accuser's key. */
function chainOf(opening: OpenDisputesOptions): DisputeChain | null {
  const { stakes, money } = opening
  const { coalition: registry } = money.manifest
  if (registry === undefined) return null
  const chain = chainAt(opening, { registry: registry.address, block: BigInt(registry.block) })
  return stakes === null ? chain : { ...chain, accuser: money.accuser, hasWorkflows: true }
}

function chainAt(
  { money, relay: relayer, owner }: OpenDisputesOptions,
  { registry, block }: { readonly registry: Hex; readonly block: bigint },
): DisputeChain {
  const { client, manifest, chain } = money
  const address = lower(registry)
  return {
    ...{ client, relayer, accuser: null, hasWorkflows: false },
    reader: createCoalitionReader(client, address, block),
    relay: relayTo(address),
    place: { chainId: chain.id, coalition: address },
    token: { address: lower(manifest.contracts.usdc), name: manifest.usdc.name, version: manifest.usdc.version },
    // Money that is worth something is nobody's to make.
    fund: money.isEmbedded ? testMint(money, owner) : null,
  }
}

/** By the terms that this pool made, whose coalitions the chain is asked about: what was seen last of stakes may be old. */
async function coalitionsOf({ db, money }: OpenDisputesOptions, operator: string): Promise<readonly bigint[]> {
  const { manifest, vault, chain } = money
  if (manifest.coalition === undefined) return []
  const place = { chainId: chain.id, registry: lower(manifest.coalition.address), vault: lower(vault.address) }
  const rows = await createStakeBook(db, place).open()
  const own = rows.filter(({ terms }) => terms.parties.some(party => party.operator === operator))
  return [...new Set(own.flatMap(({ coalition }) => (coalition === null ? [] : [coalition])))]
}

const lower = (address: string): Hex => address.toLowerCase() as Hex
