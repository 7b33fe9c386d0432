/** Opens the dispute desk of a paid pool over what the till has opened already: which registry, who accuses, who relays, who funds the bond. */
import type { Hex } from 'viem'
import type { SignerQueue } from '../chain/signer-queue.ts'
import { createCoalitionReader, relayTo } from '../coalition/index.ts'
import type { Ledger } from '../payments/ledger-port.ts'
import type { MoneyChain } from '../payments/money-chain.ts'
import type { OpenMoneyOptions } from '../payments/open-money.ts'
import type { OutboxKeeper } from '../payments/outbox-ports.ts'
import { type StakeDesk, testMint } from '../stakes/index.ts'
import type { Database } from '../store/database.ts'
import { createDisputeDesk, type DisputeDesk } from './dispute-desk.ts'
import type { DisputeChain } from './dispute-ports.ts'

export interface OpenDisputesOptions {
  readonly options: OpenMoneyOptions
  readonly money: MoneyChain
  /** Null: an unstaked pool. */
  readonly stakes: Pick<StakeDesk, 'stakeOf'> | null
  readonly db: Database
  readonly ledger: Ledger
  readonly keeper: OutboxKeeper
  readonly relay: SignerQueue
  readonly owner: SignerQueue | null
  /** The figures that a pool shows are others. */
  readonly onChange: () => void
}

/** Takes up at once what a killed process left. */
export function openDisputes({
  options,
  money,
  stakes,
  db,
  ledger,
  keeper,
  relay,
  owner,
  onChange,
}: OpenDisputesOptions): DisputeDesk {
  const { clock, url, onFault, onAcquitted = () => {}, settings } = options
  const disputes = createDisputeDesk({
    ...{ db, clock, ledger, keeper, onAcquitted, onChange, onFault },
    vault: money.vault.address,
    chain: stakes === null ? null : chainOf(money, relay, owner),
    coalitionOf: operator => {
      const { state, coalition } = stakes?.stakeOf(operator) ?? { state: 'none', coalition: null }
      // What unbonds is liable to the end of it; the chain says whether it is.
      return state === 'staked' || state === 'unbonding' ? coalition : null
    },
    origin: new URL(url).origin,
    pollMs: money.isEmbedded ? 1000 : 15_000,
    ...(settings.disputeKillPoint === undefined ? {} : { killPoint: settings.disputeKillPoint }),
  })
  disputes.start()
  return disputes
}

function chainOf(money: MoneyChain, relayer: SignerQueue, owner: SignerQueue | null): DisputeChain | null {
  const { client, manifest, chain, accuser } = money
  const { coalition: registry, usdc, contracts } = manifest
  if (registry === undefined || accuser === null) return null
  const address = lower(registry.address)
  return {
    ...{ client, accuser, relayer },
    reader: createCoalitionReader(client, address, BigInt(registry.block)),
    relay: relayTo(address),
    place: { chainId: chain.id, coalition: address },
    token: { address: lower(contracts.usdc), name: usdc.name, version: usdc.version },
    // Money that is worth something is nobody's to make.
    fund: money.isEmbedded ? testMint(money, owner) : null,
  }
}

const lower = (address: string): Hex => address.toLowerCase() as Hex
