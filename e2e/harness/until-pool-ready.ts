/** Follows a pool's own event stream until it is ready, or a tab says that it failed. */
import { type PoolSnapshot, poolSnapshotSchema } from '@computepool/shared/swarm'
import type { Page } from 'playwright'
import { readEvents } from './read-events.ts'

export interface PoolWait {
  readonly url: string
  /** Operator pages: one that fails ends the wait. None unless told. */
  readonly pages?: readonly Page[]
  readonly deadlineMs: number
  readonly onStatus?: ((line: string) => void) | undefined
  /** What a ready pool must show besides. */
  readonly isDue?: (pool: PoolSnapshot) => boolean
}

/** Resolves when the pool is ready, and as it is due; rejects with what a tab said that failed, or at the deadline with the pool's own words and every tab's state. */
export async function untilPoolReady({
  url,
  pages = [],
  deadlineMs,
  onStatus,
  isDue = () => true,
}: PoolWait): Promise<void> {
  const abort = new AbortController()
  const deadline = setTimeout(
    () => abort.abort(new Error(`The ring was not ready within ${deadlineMs / 1000} s.`)),
    deadlineMs,
  )
  const failures = pages.map(async page => {
    await page.locator('[data-status="failed"]').waitFor({ state: 'attached', timeout: 0 })
    const text = await page.locator('main').innerText()
    throw new Error(`A tab failed:\n${text}`)
  })
  // A tab that is closed while waiting ends its watch: that is no failure of the ring.
  for (const failure of failures) failure.catch(error => abort.abort(error))
  let said = ''
  try {
    const response = await fetch(new URL('/api/pool/events', url), { signal: abort.signal })
    for await (const data of readEvents(response.body!)) {
      const snapshot = poolSnapshotSchema.parse(JSON.parse(data))
      if (snapshot.explanation !== said) onStatus?.(snapshot.explanation)
      said = snapshot.explanation
      if (snapshot.status === 'ready' && isDue(snapshot)) return
    }
    throw new Error('The orchestrator closed its event stream.')
  } catch (error) {
    if (!abort.signal.aborted) throw error
    const states = await Promise.all(
      pages.map(page =>
        page
          .locator('[data-status]')
          .first()
          .getAttribute('data-status', { timeout: 1000 })
          .catch(() => 'gone'),
      ),
    )
    const tabs = states.length === 0 ? '' : ` Tabs: ${states.join(', ')}.`
    throw new Error(`${String(abort.signal.reason)} The pool says: ${said || 'nothing yet.'}${tabs}`)
  } finally {
    clearTimeout(deadline)
    abort.abort()
  }
}
