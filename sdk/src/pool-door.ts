/** How a pool is reached, and what each call of this package takes besides. Types only. */

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>

export interface CallOptions {
  /** Ends the call; what it rejects with is the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Longest wait in milliseconds; each call says its default. */
  readonly timeoutMs?: number | undefined
}

export interface PoolDoor {
  /** Origin, without a slash at its end. */
  readonly origin: string
  readonly fetch: Fetch
  /** With every request: a private pool's access token, for one. */
  readonly headers: Readonly<Record<string, string>>
}
