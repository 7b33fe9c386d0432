/** Callers that wait for one turn of events, such as a link that opens, each with a signal of its own. It knows not what they wait for. */

export interface Waiters {
  /** Settles with the next `resolve` or `reject`, or rejects with the signal's reason; leaves nothing behind. */
  wait(signal?: AbortSignal): Promise<void>
  resolve(): void
  reject(error: unknown): void
}

export function openWaiters(): Waiters {
  const waiting = new Set<{ resolve(): void; reject(error: unknown): void }>()
  return {
    wait: signal =>
      new Promise((resolve, reject) => {
        const finish = (settle: () => void): void => {
          waiting.delete(entry)
          signal?.removeEventListener('abort', abort)
          settle()
        }
        const abort = (): void => finish(() => reject(signal?.reason))
        const entry = { resolve: () => finish(resolve), reject: (error: unknown) => finish(() => reject(error)) }
        waiting.add(entry)
        signal?.addEventListener('abort', abort, { once: true })
      }),
    resolve() {
      for (const entry of [...waiting]) entry.resolve()
    },
    reject(error) {
      for (const entry of [...waiting]) entry.reject(error)
    },
  }
}
