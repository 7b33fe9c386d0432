/**
 * The keeper port: workflow runs that are durable, safe to retry and auditable. It knows names, inputs and outcomes; not what a
 * workflow does, nor whether KeeperHub's service or our own runner performs it.
 */

/** As KeeperHub names them. `unconfirmed`: a transaction was sent and its receipt not seen yet, so anything may still come of it. */
export type KeeperStatus =
  | 'pending'
  | 'running'
  | 'unconfirmed'
  | 'success'
  | 'error'
  | 'system_error'
  | 'skipped'
  | 'cancelled'

export const finalKeeperStatuses: readonly KeeperStatus[] = ['success', 'error', 'system_error', 'skipped', 'cancelled']

/** True where nothing more will come of the run. `unconfirmed` is not final. */
export const isFinalKeeperStatus = (status: KeeperStatus): boolean => finalKeeperStatuses.includes(status)

/** What crosses to a workflow: numbers that may pass 2^53 travel as decimal strings. */
export type KeeperValue =
  | string
  | number
  | boolean
  | null
  | readonly KeeperValue[]
  | { readonly [key: string]: KeeperValue }
export type KeeperInput = Readonly<Record<string, KeeperValue>>

export type KeeperReceiptStatus = 'success' | 'reverted' | 'safe_inner_failure' | 'not_found' | 'timeout'

export interface KeeperTransaction {
  readonly hash: string
  readonly nodeId: string
  readonly nodeName: string
  readonly chainId: number | null
  /** Position in a For Each loop; null outside one. */
  readonly iterationIndex: number | null
  /** Null until the keeper looked. */
  readonly receiptStatus: KeeperReceiptStatus | null
  readonly blockNumber: number | null
  /** Units of gas, decimal. */
  readonly gasUsed: string | null
}

export interface KeeperRun {
  readonly executionId: string
  readonly status: KeeperStatus
  /** In the order of sending. */
  readonly transactions: readonly KeeperTransaction[]
  /** Why it failed; null otherwise. */
  readonly error: string | null
}

export interface KeeperLog {
  readonly nodeId: string
  readonly nodeName: string
  readonly nodeType: string
  readonly status: KeeperStatus
  /** After templates; secrets are blanked. */
  readonly input: unknown
  readonly output: unknown
  readonly error: string | null
  readonly durationMs: number | null
  readonly startedAtMs: number
  readonly completedAtMs: number | null
  readonly iterationIndex: number | null
}

export interface KeeperExecution {
  readonly executionId: string
  readonly status: KeeperStatus
}

/**
 * Errors of all: `input_not_found` (no such workflow or execution), `chain_keeper_unavailable` (out of reach, or busy for longer
 * than the deadline: the same call may be made again), `chain_keeper_refused` (key, plan or workflow not accepted).
 */
export interface KeeperPort {
  /**
   * Starts a run and does not wait for it. The same key with the same input, within 24 hours, is the same run, whatever became of
   * it: a failed run is only started anew under another key. Errors: `chain_keeper_conflict` where the key came with another input.
   */
  execute(
    workflow: string,
    input: KeeperInput,
    options: { readonly idempotencyKey: string; readonly signal?: AbortSignal | undefined },
  ): Promise<KeeperExecution>
  status(executionId: string, signal?: AbortSignal): Promise<KeeperRun>
  /** Resolves when the run is final, or with its state when the time is over. */
  wait(executionId: string, timeoutMs: number, signal?: AbortSignal): Promise<KeeperRun>
  /** The newest first. */
  logs(executionId: string, signal?: AbortSignal): Promise<readonly KeeperLog[]>
  /** Ends a run before its next step; what was sent to the chain stays sent. A final run stays as it is. */
  cancel(executionId: string, signal?: AbortSignal): Promise<KeeperRun>
}
