/** What the desk's callers see of a request: how it is ordered, what its reader hears, what a meter hears. Types only. */
import type { RequestJob, SampledToken } from '@computepool/shared/pipeline'
import type { HopTrace } from '@computepool/shared/wire'
import type { RingSeat } from './ring.ts'

export interface RequestLimits {
  /** Requests that run at once on one ring, where its seats' caches allow as many. */
  readonly maxRunning: number
  readonly maxQueued: number
  /** Of these, one client's at most. Default: half. */
  readonly maxQueuedPerClient?: number
  /** Longest silence of a running request; before the first token, the prompt's length adds to it. */
  readonly stallTimeoutMs: number
  /** Longest wait in the queue. */
  readonly queueTimeoutMs: number
  /** Longest wait of an interrupted answer for another ring. Default: 30 s. */
  readonly moveTimeoutMs?: number
}

/** A job as the table takes it; which tokens and caches it begins with is the table's to know. */
export interface RequestOrder extends Omit<RequestJob, 'requestId' | 'generatedTokens' | 'reuse' | 'keepCache'> {
  /** Whose turn it takes in the queue; absent: nobody's in particular. */
  readonly client?: string
  /** Requests of one scope may begin with each other's caches; absent: none is taken, none is kept. */
  readonly cacheScope?: string
  /** Only a ring whose entry and exit are staked operators of good standing may serve it. */
  readonly isTrusted?: boolean
  /** Keep its caches for the next request of its scope, where it ends by itself. */
  readonly keepsCache?: boolean
}

export type RequestEvent =
  | {
      readonly type: 'token'
      readonly sampled: SampledToken
      readonly lapMs: number
      readonly trace: readonly HopTrace[]
      readonly atMs: number
    }
  | {
      readonly type: 'finished'
      readonly reason: 'stop' | 'length'
      /** What ended it before its end; null where the model did. */
      readonly stoppedBy: CutReason | null
      /** Of the last attempt. Null where the entry was not asked. */
      readonly directHops: number | null
    }

/** The payer's cap is spent, or its session is over. */
export type CutReason = 'cap' | 'closed'

/** `moved`: this attempt is over, and another goes on where it stopped. */
export type RequestOutcome = 'stop' | 'length' | CutReason | 'cancelled' | 'failed' | 'moved'

/**
 * Hears of a request's work as it happens, whether or not anybody reads its events: what a meter needs. An answer that moves is several
 * requests, one after the other: each attempt has an id of its own.
 */
export interface RequestObserver {
  /**
   * Once an attempt, before its first token: the first activation has left the entry. Monotonic time. `cachedTokens`: positions of the
   * prompt that a kept cache held, where the entry says so.
   */
  onFlowing(requestId: string, atMs: number, cachedTokens?: number): void
  onToken(requestId: string, atMs: number): void
  /**
   * Once an attempt, whatever ended it; also where it never flowed. Any outcome but `moved` ends the answer: nothing comes after it.
   * `tokens` are those of the attempt. `isStalled`: its ring had fallen silent, and was given up.
   */
  onEnded(
    requestId: string,
    end: {
      readonly atMs: number
      readonly tokens: number
      readonly outcome: RequestOutcome
      readonly isStalled?: boolean
    },
  ): void
}

export interface LiveRequest {
  /** The answer's; its first attempt's too. */
  readonly requestId: string
  /** Monotonic time of submission. */
  readonly submittedAtMs: number
  /** Read once. Throws the ComputePoolError that ended it; leaving early cancels. */
  readonly events: AsyncIterable<RequestEvent>
  /** Who serves it, or did last; empty until it runs. */
  seats(): readonly RingSeat[]
  /** Attempts so far, but the first. */
  moves(): number
  /** Positions of the prompt that a kept cache held, in the attempt that drew the first token. */
  cachedTokens(): number
  /** Stops the tabs at once; the events end without an error. */
  cancel(): void
  /** The payer's money ends here: stops the tabs at once, and the events end as finished, with the reason. */
  cutShort(by: CutReason): void
}

export interface Lap {
  /** The attempt's. */
  readonly requestId: string
  readonly epoch: number
  readonly lapMs: number
  readonly trace: readonly HopTrace[]
}
