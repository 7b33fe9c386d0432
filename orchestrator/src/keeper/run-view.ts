/** A stored run as the port and as KeeperHub's REST tell it. Pure: rows in, JSON out. */
import type { KeeperLog, KeeperRun, KeeperTransaction } from '@computepool/shared/ports'
import type { KeeperRunRow, KeeperStepRow, KeeperTransactionRow } from '../store/keeper-tables.ts'

const iterationOf = (iteration: number): number | null => (iteration < 0 ? null : iteration)

export const transactionView = (row: KeeperTransactionRow): KeeperTransaction => ({
  hash: row.hash,
  nodeId: row.nodeId,
  nodeName: row.nodeName,
  chainId: row.chainId,
  iterationIndex: iterationOf(row.iteration),
  receiptStatus: row.receiptStatus,
  blockNumber: row.blockNumber,
  gasUsed: row.gasUsed,
})

export const runView = (run: KeeperRunRow, transactions: readonly KeeperTransactionRow[]): KeeperRun => ({
  executionId: run.id,
  status: run.status,
  transactions: transactions.map(transactionView),
  error: run.error,
})

export const logView = (row: KeeperStepRow): KeeperLog => ({
  nodeId: row.nodeId,
  nodeName: row.nodeName,
  nodeType: row.nodeType,
  status: row.status,
  input: parse(row.input),
  output: parse(row.output),
  error: row.error,
  durationMs: row.completedAtMs === null ? null : row.completedAtMs - row.startedAtMs,
  startedAtMs: row.startedAtMs,
  completedAtMs: row.completedAtMs,
  iterationIndex: iterationOf(row.iteration),
})

const iso = (atMs: number | null): string | null => (atMs === null ? null : new Date(atMs).toISOString())
export const parse = (text: string | null): unknown => (text === null ? null : JSON.parse(text))

/** An execution in KeeperHub's words. */
export const executionJson = (run: KeeperRunRow, transactions: readonly KeeperTransactionRow[]) => ({
  id: run.id,
  workflowId: run.workflowId,
  status: run.status,
  input: parse(run.input),
  output: parse(run.output),
  error: run.error,
  triggerType: run.startedBy,
  startedAt: iso(run.createdAtMs),
  completedAt: iso(run.completedAtMs),
  duration: run.completedAtMs === null ? null : String(run.completedAtMs - run.createdAtMs),
  transactionHashes: transactionsJson(transactions),
})

/** KeeperHub leaves out what it does not know. */
export const transactionsJson = (transactions: readonly KeeperTransactionRow[]) =>
  transactions.map(row => ({
    hash: row.hash,
    nodeId: row.nodeId,
    nodeName: row.nodeName,
    chainId: row.chainId,
    ...(row.iteration < 0 ? {} : { iterationIndex: row.iteration }),
    ...(row.receiptStatus === null
      ? {}
      : { verified: row.receiptStatus === 'success', receiptStatus: row.receiptStatus }),
    ...(row.blockNumber === null ? {} : { blockNumber: row.blockNumber }),
    ...(row.gasUsed === null ? {} : { gasUsed: row.gasUsed }),
  }))

export const logJson = (row: KeeperStepRow) => ({
  id: String(row.seq),
  executionId: row.runId,
  nodeId: row.nodeId,
  nodeName: row.nodeName,
  nodeType: row.nodeType,
  status: row.status,
  input: parse(row.input),
  output: parse(row.output),
  error: row.error,
  duration: row.completedAtMs === null ? null : String(row.completedAtMs - row.startedAtMs),
  startedAt: iso(row.startedAtMs),
  completedAt: iso(row.completedAtMs),
  iterationIndex: iterationOf(row.iteration),
})

export const statusJson = (
  run: KeeperRunRow,
  steps: readonly KeeperStepRow[],
  transactions: readonly KeeperTransactionRow[],
  totalSteps: number,
) => {
  const current = steps.find(({ status }) => status === 'running') ?? null
  const completedSteps = steps.filter(({ status }) => status === 'success').length
  const isOver = run.status === 'success'
  return {
    status: run.status,
    nodeStatuses: steps.map(({ nodeId, status }) => ({ nodeId, status })),
    progress: {
      totalSteps,
      completedSteps,
      runningSteps: current === null ? 0 : 1,
      currentNodeId: current?.nodeId ?? null,
      currentNodeName: current?.nodeName ?? null,
      percentage: isOver ? 100 : Math.min(99, Math.round((completedSteps / Math.max(1, totalSteps)) * 100)),
    },
    errorContext:
      run.error === null
        ? null
        : { failedNodeId: steps.find(({ status }) => status === 'error')?.nodeId ?? null, error: run.error },
    transactionHashes: transactionsJson(transactions),
  }
}
