/**
 * What the orchestrator's owner sees: sessions, workflow runs with their logs, findings. It holds the owner's token for as long as the
 * tab lives, and sends it to this origin only.
 */
import { asComputePoolError, type ErrorData } from '@computepool/shared/errors'
import {
  activityFindingsSchema,
  activityRunSchema,
  activityRunsSchema,
  activitySessionsSchema,
  type Finding,
  type RunLog,
  type SessionView,
  type WorkflowRun,
} from '@computepool/shared/money'
import { createExternalStore, type ReadableStore } from '../ui/stores/external-store.ts'
import { type FetchLike, readJson, send } from './api-door.ts'

export interface RunLogs {
  readonly status: 'asking' | 'known' | 'failed'
  readonly logs: readonly RunLog[]
}

export interface ActivityView {
  /** `locked`: no token yet, or the server refused it. `failed`: nothing was read so far, so that an empty list says nothing. */
  readonly status: 'locked' | 'asking' | 'known' | 'failed'
  readonly sessions: readonly SessionView[]
  readonly runs: readonly WorkflowRun[]
  readonly findings: readonly Finding[]
  readonly lastCheckAtMs: number | null
  /** Of the runs that were opened. */
  readonly logs: ReadonlyMap<string, RunLogs>
  readonly error: ErrorData | null
}

export interface ActivityStore extends ReadableStore<ActivityView> {
  signIn(token: string): void
  signOut(): void
  refresh(): Promise<void>
  openRun(executionId: string): Promise<void>
}

export interface ActivityStoreParts {
  readonly fetch: FetchLike
  /** Null where the browser refuses storage. */
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null
}

const storageKey = 'computepool.owner'
const longestToken = 512

const locked: ActivityView = {
  status: 'locked',
  sessions: [],
  runs: [],
  findings: [],
  lastCheckAtMs: null,
  logs: new Map(),
  error: null,
}

export function createActivityStore({ fetch, storage }: ActivityStoreParts): ActivityStore {
  let token = readToken()
  const store = createExternalStore<ActivityView>(token === null ? locked : { ...locked, status: 'asking' })
  const view = store.getSnapshot
  const patch = (change: Partial<ActivityView>) => store.set({ ...view(), ...change })

  function readToken(): string | null {
    try {
      return storage?.getItem(storageKey) ?? null
    } catch {
      return null
    }
  }

  function keepToken(next: string | null): void {
    token = next
    try {
      if (next === null) storage?.removeItem(storageKey)
      else storage?.setItem(storageKey, next)
    } catch {
      // Then it lasts as long as the page.
    }
  }

  const ask = (path: string) =>
    send(fetch, `/api/activity/${path}`, { headers: { authorization: `Bearer ${token ?? ''}` } })

  function fail(thrown: unknown): void {
    const error = asComputePoolError(thrown).toJSON()
    const isRefused = error.context.httpStatus === 401 || error.context.httpStatus === 403
    if (!isRefused) {
      patch({ status: view().status === 'known' ? 'known' : 'failed', error })
      return
    }
    keepToken(null)
    store.set({
      ...locked,
      error: { ...error, remedy: 'Enter the owner’s token that the orchestrator printed at its start.' },
    })
  }

  async function refresh(): Promise<void> {
    if (token === null) return
    const asked = token
    patch({ status: view().status === 'known' ? 'known' : 'asking', error: null })
    try {
      const [{ sessions }, { runs }, { findings, lastCheckAtMs }] = await Promise.all([
        ask('sessions').then(response => readJson(response, activitySessionsSchema)),
        ask('runs').then(response => readJson(response, activityRunsSchema)),
        ask('findings').then(response => readJson(response, activityFindingsSchema)),
      ])
      if (token === asked) patch({ status: 'known', sessions, runs, findings, lastCheckAtMs })
    } catch (thrown) {
      if (token === asked) fail(thrown)
    }
  }

  const putLogs = (id: string, logs: RunLogs) => patch({ logs: new Map([...view().logs, [id, logs]]) })

  return {
    getSnapshot: view,
    subscribe: store.subscribe,
    signIn(given) {
      const trimmed = given.trim().slice(0, longestToken)
      if (trimmed === '') return
      keepToken(trimmed)
      store.set({ ...locked, status: 'asking' })
      void refresh()
    },
    signOut() {
      keepToken(null)
      store.set(locked)
    },
    refresh,
    async openRun(executionId) {
      const asked = token
      const before = view().logs.get(executionId)
      if (before?.status === 'asking') return
      putLogs(executionId, { status: 'asking', logs: before?.logs ?? [] })
      try {
        const response = await ask(`runs/${encodeURIComponent(executionId)}`)
        const { logs } = await readJson(response, activityRunSchema)
        if (token === asked) putLogs(executionId, { status: 'known', logs })
      } catch (thrown) {
        if (token !== asked) return
        putLogs(executionId, { status: 'failed', logs: [] })
        fail(thrown)
      }
    },
  }
}

/** The token of an address like `/activity#token=…`, which is then taken out of the address and of the history. */
export function takeTokenFromAddress({ location, history }: Pick<Window, 'location' | 'history'>): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get('token')
  if (token === null) return null
  history.replaceState(history.state, '', location.pathname + location.search)
  return token
}
