/** Whose units a guilty verdict leaves, with a real ledger; the chain and the keeper are stand-ins that are asked for nothing else. */
import { createManualClock } from '@computepool/shared/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { createLedger } from '../payments/ledger.ts'
import { unitsNow } from '../payments/work-of-rings.ts'
import type { DisputeRow } from '../store/dispute-tables.ts'
import type { StepContext } from './dispute-steps.ts'
import { runBreach } from './run-breach.ts'

let database: Awaited<ReturnType<typeof openMemoryLedger>>
beforeAll(async () => {
  database = await openMemoryLedger()
}, 120_000)
afterAll(() => database?.close())

const [guilty, honest, auditor] = ['11', '22', '33'].map(byte => `0x${byte.repeat(20)}`) as [string, string, string]
let vaults = 0

/** Serves in a ring of equals, with this much for checks of others. */
const serving = (peers: readonly string[], checks: Record<string, number>) =>
  unitsNow(
    {
      rings: [
        {
          status: 'ready',
          seats: peers.map((operator, at) => ({
            peer: `${operator}.tab`,
            layers: { start: at, end: at + 1 },
            msPerLayer: 1,
          })),
        },
      ],
      auditPay: Object.entries(checks).map(([operator, units]) => ({ operator, checks: 1, units })),
    } as unknown as Parameters<typeof unitsNow>[0],
    () => false,
  )

/** The members that the ledger has after the verdict, and those that the keeper's run is given. */
async function afterVerdict(before: ReturnType<typeof serving>) {
  const vault = `0x${String(++vaults).padStart(40, '0')}` as const
  const terms = { vault, leaseSeconds: 60, bufferSeconds: 60, sessionSeconds: 86_400 }
  const open = () => createLedger({ db: database.db, clock: createManualClock(), terms })
  await open().setUnits(before)
  // A process that was killed since knows nothing else.
  const ledger = open()
  let input: unknown
  const context = {
    chain: {
      reader: { disputeOf: async () => ({ isSettled: false }) },
      hasWorkflows: true,
      place: { coalition: '0x' },
    },
    change: async (_row: DisputeRow, { run }: { run: { input: unknown } }) => {
      input = run.input
    },
    kill: async () => {},
    ledger,
  } as unknown as StepContext
  await runBreach(context, { dispute: '1', run: null, accused: guilty, attempts: 0 } as DisputeRow)
  const { members } = (await ledger.units())!
  return { members: members.map(({ member, units }) => [member, units]), input }
}

it('leaves auditors nothing where the guilty one alone served', async () => {
  const { members, input } = await afterVerdict(serving([guilty], { [auditor]: 20 }))
  expect(members).toEqual([])
  expect(input).toMatchObject({ epoch: '2', members: [], units: [] })
})

it('leaves those who serve what they had for serving, and auditors no greater part than before', async () => {
  const { members, input } = await afterVerdict(serving([guilty, honest], { [auditor]: 12, [honest]: 8 }))
  expect(members).toEqual([[honest, 500]])
  expect(input).toMatchObject({ members: [honest], units: ['500'] })
})
