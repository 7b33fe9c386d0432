/** Puts the cashier's parts together over one vault. Sockets, chain and keeper are handed in. */
import type { PaidTerms } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import type { Hono } from 'hono'
import type { Hex, PublicClient } from 'viem'
import type { Database } from '../store/database.ts'
import type { PaymentTarget } from './challenge.ts'
import type { Faucet } from './faucet.ts'
import type { Ledger } from './ledger.ts'
import { createLedgerMeter } from './ledger-meter.ts'
import { createMoneyTerms } from './money-terms.ts'
import { createSessionOpener } from './open-session.ts'
import { operatorEarnings } from './operator-earnings.ts'
import { createPaymentGate } from './payment-gate.ts'
import { createSessionRecovery } from './recover-sessions.ts'
import { createRetellKeys } from './retell-keys.ts'
import { createSessionTokens } from './session-token.ts'
import type { CapLimits, Till } from './till.ts'
import type { Facilitator } from './x402-facilitator.ts'

export interface TillOptions {
  readonly clock: Clock
  readonly db: Database
  readonly ledger: Ledger
  readonly facilitator: Facilitator
  readonly client: PublicClient
  readonly target: PaymentTarget
  readonly caps: CapLimits
  /** Where people reach this orchestrator. */
  readonly origin: string
  readonly chain: PaidTerms['chain']
  readonly contracts: Pick<PaidTerms, 'usdcx' | 'pool' | 'gdaForwarder'>
  /** What session tokens are made with; 32 bytes. */
  readonly tokenSecret: Uint8Array
  readonly requireRing: () => void
  readonly faucet: Faucet | null
  readonly ownerRoutes: Hono
  readonly webhookRoutes: Hono | null
  readonly chainRoutes: Hono | null
  readonly onFault: (fault: unknown) => void
}

/**
 * What fits a price: a session of a cent at least, so that its transactions are worth their gas, and of a few seconds; never more than a
 * person means. A request with its own voucher may take a minute.
 */
export function capsFor(pricePerSecondAtomic: bigint): CapLimits {
  const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b)
  return {
    minCapAtomic: larger(10_000n, 5n * pricePerSecondAtomic),
    maxCapAtomic: larger(100_000_000n, 3600n * pricePerSecondAtomic),
    requestCapAtomic: larger(50_000n, 60n * pricePerSecondAtomic),
  }
}

export function createTill(options: TillOptions): Till {
  const { clock, db, ledger, facilitator, client, target, caps, contracts, requireRing, onFault } = options
  const { leaseSeconds, bufferSeconds } = ledger.terms
  const meter = createLedgerMeter({ ledger, clock, onFault })
  const tokens = createSessionTokens(options.tokenSecret)
  const hasFaucet = options.faucet !== null
  const reader = createMoneyTerms({
    client,
    clock,
    target,
    caps,
    chain: options.chain,
    contracts,
    leaseSeconds,
    bufferSeconds,
    hasFaucet,
  })
  const keys = createRetellKeys(db)
  const opener = createSessionOpener({ ledger, clock, facilitator, keys, target, price: reader.price, onFault })
  const { requestCapAtomic } = caps
  const wallMs = (): number => clock.wallMs()
  const gate = createPaymentGate({
    ledger,
    meter,
    opener,
    tokens,
    target,
    requestCapAtomic,
    requireRing,
    wallMs,
    onFault,
  })
  const recovery = createSessionRecovery({ db, client, ledger, tokens, target, origin: options.origin, wallMs })
  const pool = contracts.pool as Hex
  const gdaForwarder = contracts.gdaForwarder as Hex
  const earningsOf = { client, db, clock, vault: target.vault, pool, gdaForwarder }
  return {
    clock,
    target,
    caps,
    ledger,
    meter,
    tokens,
    opener,
    gate,
    recovery,
    faucet: options.faucet,
    requireRing,
    terms: reader.terms,
    earnings: operator => operatorEarnings(earningsOf, operator),
    closeSession: async (sessionId, reason) => {
      // What ran is written down first: a ledger that is closing takes no request any more, and its cost would be nobody's.
      await meter.stop(sessionId)
      await ledger.wantClose(sessionId, reason)
    },
    ownerRoutes: options.ownerRoutes,
    webhookRoutes: options.webhookRoutes,
    chainRoutes: options.chainRoutes,
  }
}
