import { ComputePoolError } from '@computepool/shared/errors'
import type { KeeperPort, KeeperRun } from '@computepool/shared/ports'
import { createManualClock } from '@computepool/shared/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type OpenDatabase, openDatabase } from '../store/database.ts'
import { outboxTable } from '../store/ledger-tables.ts'
import { createLedger } from './ledger.ts'
import { createServiceRuns } from './service-runs.ts'

let database: OpenDatabase
let sessionId: string
const vault = `0x${'aa'.repeat(20)}`

beforeAll(async () => {
  database = await openDatabase({ memory: true })
  const { db } = database
  const ledger = createLedger({
    db,
    clock: createManualClock(),
    terms: { vault, leaseSeconds: 60, bufferSeconds: 60, sessionSeconds: 3600 },
  })
  // Its voucher is an order too, and no keeper's.
  const admitted = await ledger.admitVoucher({
    payer: `0x${'bb'.repeat(20)}`,
    nonce: `0x${'cc'.repeat(32)}`,
    capAtomic: 1000n,
    validBefore: 0,
    voucher: {},
    origin: 'session',
    pricePerSecondAtomic: 1n,
  })
  sessionId = admitted.session.id
  const row = { subject: sessionId, sessionId, status: 'submitted', nextAtMs: 0, createdAtMs: 7 } as const
  const due = { dueAtomic: '5' }
  await db.insert(outboxTable).values([
    {
      ...row,
      kind: 'set',
      epoch: 1,
      idempotencyKey: 'b',
      payload: { rateAtomic: '1', dueAtomic: '0' },
      sent: { leaseUntil: 60 },
      executionId: 'started',
    },
    { ...row, kind: 'close', epoch: 2, idempotencyKey: 'c', payload: due, executionId: 'closed', doneAtMs: 9 },
  ])
})
afterAll(() => database.close())

const runOf = (executionId: string, status: KeeperRun['status']): KeeperRun => ({
  executionId,
  status,
  transactions: [],
  error: null,
})

function open(status: KeeperPort['status']) {
  const asked: string[] = []
  const keeper = {
    status: (id: string) => {
      asked.push(id)
      return status(id)
    },
    logs: async () => [],
  }
  return { asked, runs: createServiceRuns({ db: database.db, vault, keeper }) }
}

it('lists what was sent to the service, the newest first, and asks once about what is final', async () => {
  const { asked, runs } = open(async id => runOf(id, id === 'closed' ? 'success' : 'unconfirmed'))
  const listed = await runs.list()
  expect(listed).toMatchObject([
    { executionId: 'closed', workflow: 'stream-stop', status: 'success', sessionId, startedAtMs: 7, completedAtMs: 9 },
    { executionId: 'started', workflow: 'stream-start', status: 'unconfirmed', sessionId, completedAtMs: null },
  ])
  expect(await runs.list()).toEqual(listed)
  expect(asked.sort()).toEqual(['closed', 'started', 'started'])
  expect(await runs.find('closed')).toEqual({ run: listed[0], logs: [] })
  expect(await runs.find('somebody else’s')).toBe(null)
})

it('says which runs there are, and that nothing is known of them, where the service is out of reach', async () => {
  const { runs } = open(async () => {
    throw new ComputePoolError('chain_keeper_unavailable', 'KeeperHub did not answer.')
  })
  expect(await runs.list()).toMatchObject([
    { executionId: 'closed', status: 'unconfirmed', error: expect.stringContaining('KeeperHub did not answer.') },
    { executionId: 'started', status: 'unconfirmed' },
  ])
})
