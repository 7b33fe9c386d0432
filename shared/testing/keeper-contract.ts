/**
 * What every keeper promises, as cases over a fresh one. Run over the fake, over the embedded runner, and over the REST client in
 * front of it; it knows only the port.
 */
import { ComputePoolError, type ErrorCode } from '@computepool/shared/errors'
import { isFinalKeeperStatus, type KeeperInput, type KeeperPort } from '@computepool/shared/ports'

/** A keeper with four workflows: `works`, `fails`, `waits` and `sends`; the last two go on when they are let. */
export interface KeeperContractHarness {
  readonly keeper: KeeperPort
  /** Input for all four. It holds `callback_token: 'secret-token'`, which no log may tell. */
  readonly input: KeeperInput
  /** How often the workflow's work was really begun. */
  begun(workflow: 'works' | 'fails' | 'waits' | 'sends'): number
  /** Resolves once a run of `waits` is at its wait, or the transaction of `sends` is out. */
  reached(workflow: 'waits' | 'sends'): Promise<void>
  /** Lets runs of `waits` end, and gives the transaction of `sends` its receipt. */
  release(): void
  close(): Promise<void>
}

/** A door that is shut until it is opened, and open for good then. */
export function createGate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open: () => open() }
}

export interface KeeperContractCase {
  readonly name: string
  run(harness: KeeperContractHarness): Promise<void>
}

const longMs = 30_000

function equal(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`)
}

async function refused(work: Promise<unknown>, code: ErrorCode, what: string): Promise<void> {
  const outcome = await work.then(
    () => 'done',
    (thrown: unknown) => (thrown instanceof ComputePoolError ? thrown.code : String(thrown)),
  )
  equal(outcome, code, what)
}

export const keeperContract: readonly KeeperContractCase[] = [
  {
    name: 'runs a workflow to its end and tells it step by step',
    async run({ keeper, input, begun }) {
      const { executionId } = await keeper.execute('works', input, { idempotencyKey: 'a' })
      const run = await keeper.wait(executionId, longMs)
      equal([run.executionId, run.status, run.error], [executionId, 'success', null], 'the run')
      equal(await keeper.status(executionId), run, 'its status')
      equal(begun('works'), 1, 'times begun')
      const logs = await keeper.logs(executionId)
      equal(logs.length > 0, true, 'has logs')
      for (const log of logs) equal(log.status, 'success', `status of ${log.nodeName}`)
      const starts = logs.map(log => log.startedAtMs)
      equal(
        starts,
        [...starts].sort((a, b) => b - a),
        'the newest first',
      )
    },
  },
  {
    name: 'tells of a failure, and that it is final',
    async run({ keeper, input }) {
      const { executionId } = await keeper.execute('fails', input, { idempotencyKey: 'a' })
      const run = await keeper.wait(executionId, longMs)
      equal([run.status, isFinalKeeperStatus(run.status)], ['error', true], 'the run')
      equal(typeof run.error === 'string' && run.error.length > 0, true, 'says why')
      const failed = (await keeper.logs(executionId)).filter(log => log.status === 'error')
      equal(failed.length, 1, 'steps that failed')
    },
  },
  {
    name: 'starts one run for one key, however often and at once it is asked',
    async run({ keeper, input, begun }) {
      const asked = await Promise.all(
        Array.from({ length: 20 }, () => keeper.execute('works', input, { idempotencyKey: 'once' })),
      )
      const [first] = asked
      if (!first) throw new Error('Nothing was started')
      equal(new Set(asked.map(({ executionId }) => executionId)).size, 1, 'runs started')
      await keeper.wait(first.executionId, longMs)
      const again = await keeper.execute('works', input, { idempotencyKey: 'once' })
      equal(again.executionId, first.executionId, 'the run of a late retry')
      equal(begun('works'), 1, 'times begun')
    },
  },
  {
    name: 'repeats a failed run for its key, and starts another for another key',
    async run({ keeper, input, begun }) {
      const { executionId } = await keeper.execute('fails', input, { idempotencyKey: 'a' })
      await keeper.wait(executionId, longMs)
      const again = await keeper.execute('fails', input, { idempotencyKey: 'a' })
      equal(again.executionId, executionId, 'the run of the same key')
      const other = await keeper.execute('fails', input, { idempotencyKey: 'b' })
      await keeper.wait(other.executionId, longMs)
      equal(begun('fails'), 2, 'times begun')
    },
  },
  {
    name: 'refuses a key that comes with another input, and keeps keys of workflows apart',
    async run({ keeper, input, begun }) {
      const { executionId } = await keeper.execute('works', input, { idempotencyKey: 'a' })
      await refused(
        keeper.execute('works', { ...input, extra: '1' }, { idempotencyKey: 'a' }),
        'chain_keeper_conflict',
        'another input under the same key',
      )
      const other = await keeper.execute('fails', input, { idempotencyKey: 'a' })
      equal(other.executionId === executionId, false, 'is the same run')
      await keeper.wait(executionId, longMs)
      await keeper.wait(other.executionId, longMs)
      equal([begun('works'), begun('fails')], [1, 1], 'times begun')
    },
  },
  {
    name: 'stops waiting when the time is over or the caller gives up, and the run goes on',
    async run({ keeper, input, reached, release }) {
      const { executionId } = await keeper.execute('waits', input, { idempotencyKey: 'a' })
      await reached('waits')
      equal((await keeper.wait(executionId, 0)).status, 'running', 'status when the time is over')
      const giveUp = new AbortController()
      const waiting = keeper.wait(executionId, longMs, giveUp.signal).then(
        () => 'ended',
        () => 'gave up',
      )
      giveUp.abort()
      equal(await waiting, 'gave up', 'the wait')
      release()
      equal((await keeper.wait(executionId, longMs)).status, 'success', 'status at the end')
    },
  },
  {
    name: 'calls a run unconfirmed, and not final, until its transaction has a receipt',
    async run({ keeper, input, reached, release }) {
      const { executionId } = await keeper.execute('sends', input, { idempotencyKey: 'a' })
      await reached('sends')
      const before = await keeper.wait(executionId, 0)
      equal([before.status, isFinalKeeperStatus(before.status)], ['unconfirmed', false], 'before the receipt')
      equal(before.transactions.length, 1, 'transactions told before the receipt')
      release()
      const after = await keeper.wait(executionId, longMs)
      equal(
        [after.status, after.transactions.map(({ receiptStatus }) => receiptStatus)],
        ['success', ['success']],
        'after it',
      )
      equal(after.transactions[0]?.hash, before.transactions[0]?.hash, 'the transaction')
    },
  },
  {
    name: 'cancels before the next step, once and for all',
    async run({ keeper, input, reached, release }) {
      const { executionId } = await keeper.execute('waits', input, { idempotencyKey: 'a' })
      await reached('waits')
      await keeper.cancel(executionId)
      equal((await keeper.wait(executionId, longMs)).status, 'cancelled', 'status')
      release()
      equal((await keeper.cancel(executionId)).status, 'cancelled', 'status after a second time')
      const done = await keeper.execute('works', input, { idempotencyKey: 'b' })
      await keeper.wait(done.executionId, longMs)
      equal((await keeper.cancel(done.executionId)).status, 'success', 'status of a run that had ended')
    },
  },
  {
    name: 'keeps secrets out of what it tells',
    async run({ keeper, input }) {
      for (const workflow of ['works', 'fails'] as const) {
        const { executionId } = await keeper.execute(workflow, input, { idempotencyKey: 'a' })
        await keeper.wait(executionId, longMs)
        const told = JSON.stringify([await keeper.logs(executionId), await keeper.status(executionId)])
        equal(told.includes('secret-token'), false, `${workflow} tells the token`)
      }
    },
  },
  {
    name: 'knows what it does not know',
    async run({ keeper, input }) {
      await refused(keeper.execute('nothing', input, { idempotencyKey: 'a' }), 'input_not_found', 'an unknown workflow')
      await refused(keeper.status('nothing'), 'input_not_found', 'status of an unknown run')
      await refused(keeper.wait('nothing', 0), 'input_not_found', 'wait for an unknown run')
      await refused(keeper.logs('nothing'), 'input_not_found', 'logs of an unknown run')
      await refused(keeper.cancel('nothing'), 'input_not_found', 'cancelling an unknown run')
    },
  },
]
