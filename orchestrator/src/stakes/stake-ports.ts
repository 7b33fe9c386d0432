/** What stakes need of others, and the places at which a test may stop them. Types and names only. */
import type { CoalitionPlace, StakeToken } from '@computepool/shared/coalition'
import type { Clock, Entropy } from '@computepool/shared/ports'
import type { Hex, PublicClient } from 'viem'
import type { SignerQueue } from '../chain/signer-queue.ts'
import type { VaultReader } from '../chain/vault-reader.ts'
import type { CoalitionReader } from '../coalition/index.ts'
import type { Desk } from '../dispatch/index.ts'
import type { Ledger } from '../payments/ledger-port.ts'
import type { OutboxKeeper } from '../payments/outbox-ports.ts'
import type { Database } from '../store/database.ts'

export type StakeRelay = Pick<SignerQueue, 'execute'>

/** Every step after which a kill must cost nobody anything, in order. */
export const stakePoints = [
  'stakes:offered',
  'stakes:signed',
  'stakes:propose-sent',
  'stakes:proposed',
  'stakes:units-kept',
  'stakes:activate-sent',
  'stakes:activated',
  'stakes:resplit-sent',
  'stakes:leave-sent',
  'stakes:end-sent',
  'stakes:release-sent',
  'stakes:withdraw-sent',
  'stakes:gift-noted',
  'stakes:gift-sent',
] as const
export type StakePoint = (typeof stakePoints)[number]
export type StakeKillHook = (point: StakePoint) => void | Promise<void>

export interface StakeDeskOptions {
  readonly db: Database
  readonly clock: Clock
  readonly entropy: Entropy
  readonly desk: Pick<Desk, 'snapshot' | 'onChange' | 'onRequest' | 'tell' | 'withheld'>
  readonly ledger: Pick<Ledger, 'units' | 'setUnits' | 'renewUnits'>
  readonly keeper: OutboxKeeper
  /** A key with coins for gas: it relays what others have signed, and what is due. */
  readonly relay: StakeRelay
  readonly client: PublicClient
  readonly reader: CoalitionReader
  readonly vault: Pick<VaultReader, 'vault' | 'totals' | 'nowSeconds'>
  /** Superfluid's, that the units are of. */
  readonly pool: Hex
  readonly place: CoalitionPlace
  readonly token: StakeToken
  /** SHA-256 of the pack's manifest, hex without 0x. */
  readonly manifestSha256: string
  /** Of each member. */
  readonly stakeAtomic: bigint
  readonly pricePerSecondAtomic: () => Promise<bigint>
  /** The registry's longest term, Unix seconds. */
  readonly maxTermSeconds: number
  /** How long terms bind, Unix seconds; absent: a week. Less where that is longer than the registry allows. */
  readonly termSeconds?: number
  /** Makes test money; null where that is not ours to do. Resolves when it is in a block. */
  readonly give: ((to: Hex, amountAtomic: bigint) => Promise<Hex>) | null
  /** Times of its own, in milliseconds; for tests. */
  readonly times?: Partial<StakeTimes>
  readonly killPoint?: StakeKillHook
  /** It spent a stake that it had signed: for so long others are seated before it. */
  readonly onSpent?: (operator: string, quietMs: number) => void
  readonly onNotice?: (text: string) => void
  readonly onFault: (fault: unknown) => void
}

export interface StakeTimes {
  /** How long a ring must stand as it is before terms are made for it: rings grow while tabs come. */
  readonly settleMs: number
  /** How often the chain is looked at while there is anything to look after. */
  readonly tickMs: number
  /** How long a leaver's word is kept before it is sent: a page that is loaded anew comes back at once. */
  readonly leaveGraceMs: number
  /** How long a ring that could not be agreed with waits for new terms. */
  readonly againMs: number
  /** How long an offer may wait for one's word before that one earns nothing, and the others do without a stake. */
  readonly silentMs: number
  /** How long whoever will not stake counts for less in placement, after it was asked last. */
  readonly forgiveMs: number
  /** How long nobody is asked for a stake beside one that spent a signed one: the first time, the second, and all after. */
  readonly spentMs: readonly number[]
}
