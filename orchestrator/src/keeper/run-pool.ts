/**
 * The runs under way: so many at once, the others waiting their turn; each ends in one of the final statuses, or is left as it is for
 * the next start. It wakes whoever waits for one. What a step does is given to it.
 */
import { setMaxListeners } from 'node:events'
import { type Clock, isFinalKeeperStatus, type KeeperStatus } from '@computepool/shared/ports'
import type { KeeperRunRow } from '../store/keeper-tables.ts'
import { redact, secretsIn } from './redact.ts'
import type { RunStore } from './run-store.ts'
import { runWorkflow, StepFailed } from './run-workflow.ts'
import type { WorkflowNode } from './workflow-schema.ts'
import type { WorkflowStore } from './workflow-store.ts'
import type { WriteStep } from './write-contract.ts'

export interface StepOrder {
  readonly run: KeeperRunRow
  readonly node: WorkflowNode
  readonly config: Record<string, unknown>
  readonly step: WriteStep
  /** Aborts when the run is cancelled or the pool closes. */
  readonly signal: AbortSignal
  /** Aborts when the pool closes: what was sent is followed to its receipt, cancelled or not. */
  readonly closing: AbortSignal
}

export interface RunPoolOptions {
  readonly store: RunStore
  readonly workflows: Pick<WorkflowStore, 'definitionOf'>
  readonly clock: Clock
  readonly mostRunsAtOnce: number
  readonly perform: (order: StepOrder) => Promise<unknown>
  readonly onEnd: (run: KeeperRunRow, workflow: string, status: KeeperStatus) => void
  readonly onFault: (run: KeeperRunRow, error: unknown) => void
}

export interface RunPool {
  /** Takes a run up; known ones are left alone. */
  add(run: KeeperRunRow): void
  change(id: string, status: KeeperStatus, more?: Partial<KeeperRunRow>): Promise<void>
  cancel(id: string): Promise<void>
  /** Resolves when the run is over or the time is; rejects when the caller gives up. */
  waitFor(id: string, timeoutMs: number, signal?: AbortSignal): Promise<void>
  checkOpen(): void
  close(): Promise<void>
}

const firstPauseMs = 5_000
const longestPauseMs = 300_000

class Cancelled extends Error {}
class Closing extends Error {}

export function createRunPool(options: RunPoolOptions): RunPool {
  const { store, workflows, clock, mostRunsAtOnce, perform, onEnd, onFault } = options
  const closing = new AbortController()
  // Every run waits on it, and there may be many: that is no leak.
  setMaxListeners(0, closing.signal)
  const active = new Map<string, { readonly cancelling: AbortController; readonly ended: Promise<void> }>()
  const pending: KeeperRunRow[] = []
  const retries = new Set<() => void>()
  /** How often a run could not go on, one time after the other. */
  const faults = new Map<string, number>()
  const watchers = new Map<string, Set<() => void>>()

  const change: RunPool['change'] = async (id, status, more = {}) => {
    await store.change(id, { status, ...more })
    for (const look of [...(watchers.get(id) ?? [])]) look()
  }

  const performRun = async (run: KeeperRunRow, cancelling: AbortController): Promise<void> => {
    const secrets = secretsIn(JSON.parse(run.input))
    const { definition, graph } = await workflows.definitionOf(run.digest)
    const end = async (status: KeeperStatus, error: string | null, output: unknown): Promise<void> => {
      await change(run.id, status, {
        error: error === null ? null : String(redact(error, secrets)),
        output: JSON.stringify(redact(output, secrets) ?? null),
        input: JSON.stringify(redact(JSON.parse(run.input), secrets)),
        completedAtMs: clock.wallMs(),
      })
      faults.delete(run.id)
      onEnd(run, definition.workflow.name, status)
    }
    const signal = AbortSignal.any([cancelling.signal, closing.signal])
    try {
      // A run whose transaction is out stays unconfirmed over a restart.
      if (run.status === 'pending') await change(run.id, 'running')
      if (run.isCancelling) cancelling.abort(new Cancelled())
      const output = await runWorkflow(run, graph, {
        store,
        clock,
        checkGoingOn: () => signal.throwIfAborted(),
        perform: (node, config, step) => perform({ run, node, config, step, signal, closing: closing.signal }),
      })
      await end('success', null, output)
    } catch (thrown) {
      if (thrown instanceof Closing) return
      if (thrown instanceof Cancelled) await end('cancelled', null, null)
      else if (thrown instanceof StepFailed) await end('error', thrown.message, null)
      else throw thrown
    }
  }

  /** The books or the node failed, not the run: it goes on from what the books hold, as after a restart. */
  const tryLater = (id: string): void => {
    if (closing.signal.aborted) return
    const count = faults.get(id) ?? 0
    faults.set(id, count + 1)
    const cancel = clock.schedule(Math.min(firstPauseMs * 2 ** count, longestPauseMs), () => {
      retries.delete(cancel)
      store.run(id).then(
        run => {
          if (run !== null && !isFinalKeeperStatus(run.status)) add(run)
        },
        () => tryLater(id),
      )
    })
    retries.add(cancel)
  }

  const add = (run: KeeperRunRow): void => {
    if (active.has(run.id) || pending.some(({ id }) => id === run.id)) return
    pending.push(run)
    launch()
  }

  const launch = (): void => {
    while (active.size < mostRunsAtOnce && pending.length > 0 && !closing.signal.aborted) {
      const run = pending.shift() as KeeperRunRow
      const cancelling = new AbortController()
      const ended = performRun(run, cancelling)
        .catch(error => {
          onFault(run, error)
          tryLater(run.id)
        })
        .finally(() => {
          active.delete(run.id)
          launch()
        })
      active.set(run.id, { cancelling, ended })
    }
  }

  return {
    change,
    checkOpen: () => closing.signal.throwIfAborted(),
    add,
    async cancel(id) {
      await store.change(id, { isCancelling: true })
      const waiting = pending.findIndex(run => run.id === id)
      if (waiting >= 0) {
        pending.splice(waiting, 1)
        await change(id, 'cancelled', { completedAtMs: clock.wallMs() })
      }
      active.get(id)?.cancelling.abort(new Cancelled())
    },
    waitFor: (id, timeoutMs, signal) =>
      new Promise<void>((resolve, reject) => {
        const watching = watchers.get(id) ?? new Set()
        watchers.set(id, watching)
        const end = (settle: () => void): void => {
          watching.delete(look)
          if (watching.size === 0 && watchers.get(id) === watching) watchers.delete(id)
          cancelTimer()
          signal?.removeEventListener('abort', abort)
          settle()
        }
        const look = (): void => {
          store.run(id).then(
            run => {
              if (run === null || isFinalKeeperStatus(run.status)) end(resolve)
            },
            thrown => end(() => reject(thrown)),
          )
        }
        const abort = (): void => end(() => reject(signal?.reason))
        const cancelTimer = clock.schedule(timeoutMs, () => end(resolve))
        watching.add(look)
        signal?.addEventListener('abort', abort)
        // It may have ended, or the caller given up, before anybody watched.
        if (signal?.aborted) abort()
        else look()
      }),
    async close() {
      closing.abort(new Closing('The keeper is closed.'))
      for (const cancel of retries) cancel()
      await Promise.all([...active.values()].map(({ ended }) => ended))
    },
  }
}
