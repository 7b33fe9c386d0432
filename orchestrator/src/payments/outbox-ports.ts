/** What the outbox needs of others, and the places at which a test may stop it. Types and names only. */
import type { KeeperPort } from '@computepool/shared/ports'
import type { VaultReader } from '../chain/vault-reader.ts'

/** An opening session's voucher on its way to the chain. */
export interface SettleOrder {
  readonly sessionId: string
  readonly payer: string
  readonly nonce: string
  readonly capAtomic: bigint
  /** As `admitVoucher` was given it. */
  readonly voucher: unknown
  readonly signal: AbortSignal
}

/** `refused` only where nothing can come of the voucher any more; `unknown`: ask again, the chain may have it. */
export type SettleOutcome =
  | { readonly status: 'settled'; readonly transaction: `0x${string}` | null }
  | { readonly status: 'refused'; readonly reason: string }
  | { readonly status: 'unknown'; readonly reason: string }

/** Opens sessions on the chain. Asked again with the same order it must not take money twice. */
export interface Settler {
  settle(order: SettleOrder): Promise<SettleOutcome>
}

/** Where the keeper may call back, and with what proof; null where it cannot reach us. */
export interface CallbackDoor {
  readonly url: string
  issue(subject: { outboxId: string; transition: string }): Promise<string>
}

export type OutboxKeeper = Pick<KeeperPort, 'execute' | 'wait'>
export type OutboxVault = Pick<
  VaultReader,
  'vault' | 'session' | 'totals' | 'nowSeconds' | 'isAuthorizationUsed' | 'transactionsOf' | 'blockNumberOf'
>

/** Every step after which a kill must cost nobody anything, in order. */
export const killPoints = [
  'outbox:claimed',
  'outbox:settled',
  'outbox:submitted',
  'outbox:execution-stored',
  'outbox:run-over',
  'outbox:seen-on-chain',
  'outbox:told-ledger',
  'outbox:recorded',
] as const
export type KillPoint = (typeof killPoints)[number]

/** Called at each step; a test kills the process there, or never returns. */
export type KillHook = (point: KillPoint, row: { readonly id: number; readonly kind: string }) => void | Promise<void>
