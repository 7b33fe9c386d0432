/**
 * Writes until it lands: a hiccup of the database must not lose a reading, so a failed write is tried again, more and more slowly. What
 * the ledger refuses on purpose is not asked again. It knows neither ledger nor money.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'

export interface SteadyWriterOptions {
  readonly clock: Clock
  /** Every refusal, and the first failure of each write. */
  readonly onFault: (fault: unknown) => void
}

export interface SteadyWriter {
  /** Resolves when `work` has landed, was refused, or the writer was closed. `work` must be idempotent: its answer may be what was lost. */
  write(work: () => Promise<unknown>, onRefused?: (refusal: ComputePoolError) => void): Promise<void>
  /** Nothing is tried again from here on. Idempotent. */
  close(): void
}

const firstPauseMs = 100
const longestPauseMs = 10_000

export function createSteadyWriter({ clock, onFault }: SteadyWriterOptions): SteadyWriter {
  const closing = new AbortController()
  const { signal } = closing

  const pause = (ms: number): Promise<void> =>
    new Promise(resolve => {
      const cancel = clock.schedule(ms, () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      })
      const onAbort = (): void => {
        cancel()
        resolve()
      }
      signal.addEventListener('abort', onAbort, { once: true })
    })

  const write: SteadyWriter['write'] = async (work, onRefused) => {
    for (let tries = 0; ; tries++) {
      try {
        await work()
        return
      } catch (thrown) {
        const isFinal = isRefusal(thrown)
        if (isFinal || tries === 0) onFault(thrown)
        if (isFinal) onRefused?.(thrown)
        if (isFinal || signal.aborted) return
        await pause(Math.min(firstPauseMs * 2 ** tries, longestPauseMs))
        if (signal.aborted) return
      }
    }
  }
  return { write, close: () => closing.abort() }
}

/** What is wrong with the request, or with us, is as wrong the next time. */
const isRefusal = (thrown: unknown): thrown is ComputePoolError =>
  thrown instanceof ComputePoolError && /^(payment|bug)_/.test(thrown.code)
