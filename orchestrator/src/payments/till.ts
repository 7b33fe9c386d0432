/** The cashier's desk as the routes see it, once the chain is there. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Earnings, PaidTerms } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import type { Hono } from 'hono'
import type { Hex } from 'viem'
import type { DisputeDesk } from '../disputes/index.ts'
import type { StakeDesk } from '../stakes/create-stake-desk.ts'
import type { ChainAuditor } from './auditor-organisations.ts'
import type { PaymentTarget } from './challenge.ts'
import type { Faucet } from './faucet.ts'
import type { Ledger } from './ledger.ts'
import type { Meter } from './meter.ts'
import type { SessionOpener } from './open-session.ts'
import type { PaymentGate } from './payment-gate.ts'
import type { SessionRecovery } from './recover-sessions.ts'
import type { SessionTokens } from './session-token.ts'

/** What a session, and a request with its own voucher, may cost; atomic USDC. */
export interface CapLimits {
  readonly minCapAtomic: bigint
  readonly maxCapAtomic: bigint
  readonly requestCapAtomic: bigint
}

export interface Till {
  readonly clock: Clock
  readonly target: PaymentTarget
  readonly caps: CapLimits
  readonly ledger: Ledger
  readonly meter: Meter
  readonly tokens: SessionTokens
  readonly opener: SessionOpener
  readonly gate: PaymentGate
  readonly recovery: SessionRecovery
  /** Null where the chain's money is not ours to give. */
  readonly faucet: Faucet | null
  /** Errors: `swarm_layers_missing`. */
  requireRing(): void
  terms(): Promise<PaidTerms>
  earnings(operator: Hex): Promise<Earnings>
  /** Takes no more requests, stops what runs, and orders the refund. */
  closeSession(sessionId: string, reason: string): Promise<void>
  /** What this pool convicts operators of, on its way to the chain; absent in a till that takes no part in that. */
  readonly disputes?: DisputeDesk
  /** The chain's own auditors, for a process that votes with their keys; none where auditors are other people. */
  readonly auditors?: readonly ChainAuditor[]
  /** Routes that the owner alone may use, and those of the keeper's organisations, relative to `/api`. */
  readonly ownerRoutes: Hono
  /** `POST /webhooks/keeperhub`; null where no keeper calls back. */
  readonly webhookRoutes: Hono | null
  /** JSON-RPC of the chain for pages; null where they reach the chain themselves. */
  readonly chainRoutes: Hono | null
}

/** Money in this orchestrator: none, or a till that opens a little later than the page. */
export type MoneyDesk =
  | { readonly mode: 'free' }
  | {
      readonly mode: 'paid'
      /** Errors: `chain_unreachable` while the chain is being set up, or why it could not be. */
      till(): Till
      /** What the owner's routes ask for. */
      readonly ownerToken: string
      /** Who stakes what; null where the pool is unstaked, and before the till is open. Absent: it is unstaked. */
      stakes?(): StakeDesk | null
    }

/** Until the chain is there: work is not given away meanwhile. */
export const notOpenYet = (): ComputePoolError =>
  new ComputePoolError('chain_unreachable', 'The till is not open yet: the chain is being set up.', {
    remedy: 'Try again in a few seconds.',
    context: { retryAfterSeconds: 3 },
  })
