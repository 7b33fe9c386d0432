/** What the till is opened with, and what is then open. It opens nothing. */
import type { Clock, Entropy } from '@computepool/shared/ports'
import type { StandingEvent } from '@computepool/shared/standing'
import type { Desk } from '../dispatch/index.ts'
import type { DisputeDeskOptions, DisputeKillHook } from '../disputes/index.ts'
import type { StakeDesk, StakeKillHook } from '../stakes/index.ts'
import type { ChainChoice, OpenedChain } from './money-chain.ts'
import type { KillHook } from './outbox-ports.ts'
import type { CapLimits, MoneyDesk, Till } from './till.ts'

export interface MoneySettings {
  readonly mode: 'paid'
  /** Where keys, chain and ledger are kept. */
  readonly dataDir: string
  readonly chain: ChainChoice
  /** PostgreSQL instead of the ledger in `dataDir`. */
  readonly databaseUrl?: string
  /** What new sessions pay, 6 decimals; absent: what the vault asks for already, or the default where it is made now. */
  readonly pricePerSecondAtomic?: bigint
  readonly caps?: Partial<CapLimits>
  /** KeeperHub's service; absent: workflows run in this process. */
  readonly keeperHub?: { readonly url: string; readonly apiKey: string }
  /** What each operator puts at stake, 6 decimals; absent or 0: nobody stakes anything. */
  readonly stakeAtomic?: bigint
  /** For tests that kill. */
  readonly killPoint?: KillHook
  readonly stakeKillPoint?: StakeKillHook
  readonly disputeKillPoint?: DisputeKillHook
}

export interface OpenMoneyOptions {
  readonly settings: MoneySettings
  readonly desk: Desk
  readonly model: string
  /** Of the pack that is served, hex. */
  readonly manifestSha256: string
  /** Origin under which this orchestrator is reached. */
  readonly url: string
  readonly clock: Clock
  readonly entropy: Entropy
  /** Auditors of the chain found an operator innocent whom this pool had convicted. May be told twice. */
  readonly onAcquitted?: DisputeDeskOptions['onAcquitted']
  /** What an operator did with its stake, for its standing. */
  readonly onStanding?: (operator: string, event: StandingEvent) => void
  readonly onNotice: (text: string) => void
  readonly onFault: (fault: unknown) => void
}

export interface Money {
  readonly desk: Extract<MoneyDesk, { mode: 'paid' }>
  /** Resolves when the till is open; rejects with what is in its way. */
  readonly ready: Promise<Till>
  /** What else of the chain others may use, once the till is open. */
  readonly chain: Promise<OpenedChain>
  /** Who stakes what; null where the pool is unstaked, and before the till is open. */
  stakes(): StakeDesk | null
  /** After the desk was closed. Idempotent. */
  close(): Promise<void>
}

/** $0.03 a minute. */
export const defaultPriceAtomic = 500n
