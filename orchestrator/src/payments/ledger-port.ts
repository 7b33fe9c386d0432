/**
 * What the ledger promises to the door, the meter, the outbox and the pages. Types only; `ledger.ts` keeps them.
 */
import type {
  Finding,
  MemberUnits,
  MoneySession,
  MoneyTransaction,
  Receipt,
  SessionStatus,
  SessionView,
} from '@computepool/shared/money'
import type { Hex } from 'viem'
import type { SessionRow } from '../store/ledger-tables.ts'

export interface LedgerTerms {
  readonly vault: string
  readonly leaseSeconds: number
  /** Superfluid's liquidation period. */
  readonly bufferSeconds: number
  /** How long the vault lets a session live; until the chain has told its own figure. */
  readonly sessionSeconds: number
}

export interface VoucherAdmission {
  readonly payer: Hex
  readonly nonce: Hex
  readonly capAtomic: bigint
  /** Unix seconds. */
  readonly validBefore: number
  /** Whatever the settler needs to settle it; plain JSON, erased once it is open or refused. */
  readonly voucher: unknown
  readonly origin: 'session' | 'request'
  readonly pricePerSecondAtomic: bigint
}

export interface ChainOpening {
  /** Null where the opening was found on the chain, not made by us. */
  readonly transaction: Hex | null
  readonly blockNumber: number | null
  /** As the vault recorded them. */
  readonly expiresAt: number
  readonly pricePerSecondAtomic: bigint
}

export interface RequestEnd {
  readonly sessionId: string
  readonly requestId: string
  /** From the entry's `request-flowing` to the end; whole milliseconds. */
  readonly meteredMs: number
  readonly tokens: number
  /** `stop`, `length`, `cap`, `disconnect`, `failure`, … */
  readonly stoppedBy: string
}

export interface UnitsOptions {
  /** The chain's own epoch, where it is ahead of the ledger. */
  readonly aboveEpoch?: number
  /** Also where nothing differs: the last order failed. */
  readonly isForced?: boolean
  /** Another order takes it to the chain: none goes into the outbox. Whoever says so sees to it that it arrives. */
  readonly isCarried?: boolean
  readonly delayMs?: number
}

/** A session that was found on the chain. */
export interface FoundSession {
  readonly id: Hex
  readonly payer: string
  readonly nonce: string
  readonly capAtomic: bigint
  readonly pricePerSecondAtomic: bigint
  readonly expiresAt: number
  readonly epoch: number
}

export interface LedgerChange {
  readonly sessionId: string
  readonly status: SessionStatus
  /** True where an order went into the outbox. */
  readonly hasOrders: boolean
}

/** Of one vault: sessions of another in the same database are unknown to it. */
export interface Ledger {
  readonly terms: LedgerTerms
  /**
   * Writes the voucher down before any work: one (payer, nonce) is one session, whatever is retried or raced. Known already: the same
   * session, `isNew` false. Errors: `payment_voucher_conflict` where the same nonce came with other terms.
   */
  admitVoucher(admission: VoucherAdmission): Promise<{ session: SessionRow; isNew: boolean }>
  /** Resolves once the session has left `opening`. Rejects with the signal's reason. */
  whenSettled(sessionId: string, signal: AbortSignal): Promise<SessionView>
  confirmOpen(sessionId: string, opening: ChainOpening): Promise<void>
  refuse(sessionId: string, reason: string): Promise<void>
  /**
   * Takes in a session that the chain has and the ledger has not, or had refused: it is open from now on. False where the ledger has it
   * otherwise.
   */
  adopt(found: FoundSession): Promise<boolean>
  /** Null where there is none. */
  session(sessionId: string): Promise<SessionRow | null>
  /**
   * The first activation left the entry: the meter runs and the stream is ordered. `atMonotonicMs` (the clock's) is that moment;
   * `readMs` says what its clock reads, where that is not simply the time since then.
   * Errors: `payment_session_{unknown,opening,closed,full}`, `payment_cap_reached`.
   */
  startRequest(start: {
    sessionId: string
    requestId: string
    atMonotonicMs?: number
    readMs?: () => number
  }): Promise<void>
  /** Idempotent. A request that never started costs nothing. */
  endRequest(end: RequestEnd): Promise<{ costAtomic: bigint }>
  /** Idempotent; what runs must be stopped by the caller, and the last `endRequest` orders the close. */
  wantClose(sessionId: string, reason: string): Promise<void>
  /** The same absolute target under a new epoch. */
  renewTarget(sessionId: string, why: string, delayMs?: number): Promise<void>
  /** The last units again under a new epoch. */
  renewUnits(delayMs?: number, aboveEpoch?: number): Promise<void>
  /** What the chain was seen to do with this session. */
  noteApplied(sessionId: string, seen: { epoch: number; rateWei: bigint; leaseUntil: number | null }): Promise<void>
  confirmClosed(sessionId: string, seen: { dueAtomic: bigint; refundedAtomic: bigint; reason?: string }): Promise<void>
  /** Block of the session's opening; null where it was not seen. */
  openBlock(sessionId: string): Promise<number | null>
  noteTransaction(sessionId: string | null, transaction: MoneyTransaction): Promise<void>
  /** Orders the pool's members, where they differ from the last ones; null where they do not. */
  setUnits(members: readonly MemberUnits[], options?: UnitsOptions): Promise<number | null>
  units(): Promise<{ epoch: number; members: readonly MemberUnits[] } | null>
  /**
   * After a start: what ran when the last process died is ended at its last reading, and sessions of one request are closed. Call it
   * before anything else.
   */
  recover(): Promise<{ endedRequests: number; closingSessions: number }>
  view(sessionId: string): Promise<SessionView>
  receipt(sessionId: string): Promise<Receipt>
  listSessions(): Promise<SessionView[]>
  listFindings(): Promise<{ lastCheckAtMs: number | null; findings: Finding[] }>
  /** Sessions in these states, oldest first. */
  sessionsIn(states: readonly SessionStatus[]): Promise<SessionRow[]>
  /** Running sessions whose lease is due for renewal. */
  sessionsToRenew(): Promise<string[]>
  /** In memory, for the token path: the session as last written; null where this process has not touched it, or it is over. */
  sessionNow(sessionId: string): MoneySession | null
  /** In memory, for the token path: what is spent by now; null where this process has not touched the session. */
  spentNow(sessionId: string): bigint | null
  /** After each committed change. Returns the way to stop listening. */
  onChange(listener: (change: LedgerChange) => void): () => void
}
