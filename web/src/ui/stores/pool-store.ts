/**
 * The pool as the orchestrator tells it, over an event stream that is reopened when it ends. It parses at the door and keeps the
 * last good snapshot; it knows nothing of how the pool is drawn.
 */
import { type PoolSnapshot, poolSnapshotSchema } from '@computepool/shared/swarm'
import { createExternalStore, type ReadableStore } from './external-store.ts'

export interface PoolView {
  readonly connection: 'connecting' | 'live' | 'lost'
  /** The last snapshot that parsed; kept while the connection is lost. */
  readonly pool: PoolSnapshot | null
  /** What is wrong with the stream, in words; null while it is well. */
  readonly problem: string | null
}

/** The part of the browser's EventSource that is used. */
export interface EventStream {
  onopen: (() => void) | null
  onmessage: ((event: { readonly data: string }) => void) | null
  onerror: (() => void) | null
  close(): void
}

export interface PoolStoreParts {
  openStream(): EventStream
  /** Runs `task` after `delayMs`; returns its cancellation. */
  schedule(task: () => void, delayMs: number): () => void
}

export interface PoolStore extends ReadableStore<PoolView> {
  close(): void
}

const firstRetryMs = 1_000
const longestRetryMs = 15_000

/** Opens the stream at once. The browser's own reconnection gives up on an HTTP error, so a lost stream is reopened here. */
export function createPoolStore(parts: PoolStoreParts): PoolStore {
  const store = createExternalStore<PoolView>({ connection: 'connecting', pool: null, problem: null })
  let stream: EventStream | null = null
  let cancelRetry: (() => void) | null = null
  let retryMs = firstRetryMs
  let isClosed = false

  function receive(data: string): void {
    const parsed = parseSnapshot(data)
    if (parsed === null) {
      const problem = 'The orchestrator sent a pool this page cannot read. Reload the page: they may differ in version.'
      store.set({ ...store.getSnapshot(), connection: 'live', problem })
      return
    }
    retryMs = firstRetryMs
    store.set({ connection: 'live', pool: parsed, problem: null })
  }

  function open(): void {
    if (isClosed) return
    const opened = parts.openStream()
    stream = opened
    opened.onmessage = event => receive(event.data)
    opened.onerror = () => {
      if (stream !== opened) return
      opened.close()
      stream = null
      const problem = `No answer from the orchestrator. Trying again every ${longestRetryMs / 1000} seconds at most.`
      store.set({ ...store.getSnapshot(), connection: 'lost', problem })
      cancelRetry = parts.schedule(open, retryMs)
      retryMs = Math.min(longestRetryMs, retryMs * 2)
    }
  }

  open()
  return {
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    close() {
      isClosed = true
      cancelRetry?.()
      stream?.close()
      stream = null
    },
  }
}

function parseSnapshot(data: string): PoolSnapshot | null {
  try {
    return poolSnapshotSchema.parse(JSON.parse(data))
  } catch {
    return null
  }
}

/** The store over this origin's `/api/pool/events`. */
export function createBrowserPoolStore(): PoolStore {
  return createPoolStore({
    openStream: () => new EventSource('/api/pool/events') as unknown as EventStream,
    schedule(task, delayMs) {
      const timer = setTimeout(task, delayMs)
      return () => clearTimeout(timer)
    },
  })
}
