/**
 * A keeper in memory: workflows are functions that a test writes. It keeps the port's promises (keys, statuses, logs, cancelling)
 * and knows neither chains nor HTTP.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  isFinalKeeperStatus,
  type KeeperInput,
  type KeeperLog,
  type KeeperPort,
  type KeeperRun,
  type KeeperStatus,
  type KeeperTransaction,
} from '@computepool/shared/ports'

export interface FakeRunTools {
  /** Aborts when the run is cancelled. */
  readonly signal: AbortSignal
  /** As if a transaction had been sent: the run is `unconfirmed` until `confirm`. */
  sent(hash: string): { confirm(): void }
}

export type FakeWorkflow = (input: KeeperInput, tools: FakeRunTools) => Promise<void>

export interface FakeKeeper extends KeeperPort {
  /** Runs started, in order: retries with a known key are not among them. */
  readonly started: readonly { readonly workflow: string; readonly input: KeeperInput; readonly executionId: string }[]
}

interface FakeRun {
  readonly executionId: string
  status: KeeperStatus
  error: string | null
  readonly transactions: KeeperTransaction[]
  readonly logs: KeeperLog[]
  readonly cancelling: AbortController
  readonly waiting: Set<() => void>
}

const unknown = (what: string, name: string): ComputePoolError =>
  new ComputePoolError('input_not_found', `The keeper knows no ${what} "${name}".`, { remedy: 'Check the name.' })

export function createFakeKeeper(workflows: Readonly<Record<string, FakeWorkflow>>): FakeKeeper {
  const runs = new Map<string, FakeRun>()
  const keys = new Map<string, { readonly body: string; readonly executionId: string }>()
  const started: FakeKeeper['started'][number][] = []
  let tick = 0

  const find = (executionId: string): FakeRun => {
    const run = runs.get(executionId)
    if (!run) throw unknown('execution', executionId)
    return run
  }
  const view = ({ executionId, status, transactions, error }: FakeRun): KeeperRun => ({
    executionId,
    status,
    transactions: transactions.map(transaction => ({ ...transaction })),
    error,
  })
  const become = (run: FakeRun, status: KeeperStatus, error: string | null = null): void => {
    if (isFinalKeeperStatus(run.status)) return
    run.status = status
    run.error = error
    for (const wake of [...run.waiting]) wake()
  }
  const perform = async (run: FakeRun, name: string, workflow: FakeWorkflow, input: KeeperInput): Promise<void> => {
    const startedAtMs = tick++
    const sent = (hash: string) => {
      const at = run.transactions.length
      const transaction = { hash, nodeId: name, nodeName: name, chainId: null, iterationIndex: null }
      run.transactions.push({ ...transaction, receiptStatus: null, blockNumber: null, gasUsed: null })
      become(run, 'unconfirmed')
      return {
        confirm: () => {
          run.transactions[at] = { ...transaction, receiptStatus: 'success', blockNumber: at, gasUsed: '21000' }
          become(run, 'running')
        },
      }
    }
    let error: string | null = null
    try {
      await workflow(input, { signal: run.cancelling.signal, sent })
    } catch (thrown) {
      error = thrown instanceof Error ? thrown.message : String(thrown)
    }
    const status = run.cancelling.signal.aborted ? 'cancelled' : error === null ? 'success' : 'error'
    run.logs.unshift({
      nodeId: name,
      nodeName: name,
      nodeType: 'fake',
      status,
      input: null,
      output: null,
      error,
      durationMs: tick - startedAtMs,
      startedAtMs,
      completedAtMs: tick++,
      iterationIndex: null,
    })
    become(run, status, status === 'error' ? error : null)
  }

  return {
    started,
    async execute(name, input, { idempotencyKey, signal }) {
      signal?.throwIfAborted()
      const workflow = workflows[name]
      if (!workflow) throw unknown('workflow', name)
      const body = JSON.stringify(input)
      const key = JSON.stringify([name, idempotencyKey])
      const known = keys.get(key)
      if (known && known.body !== body) {
        throw new ComputePoolError(
          'chain_keeper_conflict',
          `The key of run ${known.executionId} came with another input.`,
          {
            remedy: 'Use a key of its own for every different input.',
            context: { executionId: known.executionId },
          },
        )
      }
      if (known) return { executionId: known.executionId, status: find(known.executionId).status }
      const executionId = `fake-${runs.size + 1}`
      const run: FakeRun = {
        executionId,
        status: 'running',
        error: null,
        transactions: [],
        logs: [],
        cancelling: new AbortController(),
        waiting: new Set(),
      }
      runs.set(executionId, run)
      keys.set(key, { body, executionId })
      started.push({ workflow: name, input, executionId })
      void perform(run, name, workflow, input)
      return { executionId, status: 'running' }
    },
    status: async executionId => view(find(executionId)),
    async wait(executionId, timeoutMs, signal) {
      const run = find(executionId)
      signal?.throwIfAborted()
      if (isFinalKeeperStatus(run.status) || timeoutMs <= 0) return view(run)
      await new Promise<void>((resolve, reject) => {
        const end = (settle: () => void): void => {
          run.waiting.delete(look)
          signal?.removeEventListener('abort', abort)
          settle()
        }
        const look = (): void => {
          if (isFinalKeeperStatus(run.status)) end(resolve)
        }
        const abort = (): void => end(() => reject(signal?.reason))
        run.waiting.add(look)
        signal?.addEventListener('abort', abort)
      })
      return view(run)
    },
    logs: async executionId => [...find(executionId).logs],
    async cancel(executionId) {
      const run = find(executionId)
      run.cancelling.abort()
      become(run, 'cancelled')
      return view(run)
    },
  }
}
