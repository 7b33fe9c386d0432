/** A pool of fake tabs whose work is checked: two seats, others that wait, and auditors; and answers that draw checks. */
import { rowSketchSums } from '@computepool/shared/audit'
import type { Entropy } from '@computepool/shared/ports'
import { createSeededRandom } from '@computepool/shared/testing'
import type { DeskCommand, DeskRequest } from '@computepool/shared/wire'
import type { Breach } from '../src/audit/index.ts'
import { fakeEvidence } from './fake-evidence.ts'
import type { FakeTab, FakeTabOptions } from './fake-tab.ts'
import { createTestPool, type TestPool } from './test-pool.ts'

export type RunCheck = Extract<DeskCommand, { type: 'run-check' }>
export type Outcome = Extract<DeskRequest, { type: 'check-reported' }>['outcome']

export interface Sketched {
  readonly sketch: string
  readonly rows: number
}
/** The same of the same `of`, and of nothing else. */
export function sketchedRows(of: number): Sketched {
  const sums = Buffer.alloc(4 * rowSketchSums)
  for (let at = 0; at < rowSketchSums; at++) sums.writeFloatLE(Math.sin(of * (at + 1)) / 4, 4 * at)
  return { sketch: sums.toString('hex'), rows: 12 }
}

export interface AuditedPool {
  readonly pool: TestPool
  /** In the ring's order. */
  readonly seats: readonly FakeTab[]
  readonly auditors: readonly FakeTab[]
  readonly breaches: readonly Breach[]
  /** One whole answer, and its receipts. */
  answer(): Promise<void>
  /** The next check of that seat, and its auditor; checks of others are met. */
  next(seat: number): Promise<{ readonly auditor: FakeTab; readonly check: RunCheck }>
  /** The checks that a tab was asked and nobody has read yet. */
  asked(tab: FakeTab): RunCheck[]
  /** All that the auditors were asked, answered so. */
  reportAll(outcome: Outcome, blamed?: (check: RunCheck) => string | null): Promise<number>
  /** Leaves a bundle for the check, and accuses by it. Status of the upload. */
  accuse(auditor: FakeTab, check: RunCheck, change?: Parameters<typeof fakeEvidence>[1]): Promise<number>
  /** Says first what it computed, as every auditor must; the same as all others unless told otherwise. */
  report(
    auditor: FakeTab,
    check: RunCheck,
    outcome: Outcome,
    extra?: Partial<Extract<DeskRequest, { type: 'check-reported' }>>,
    computed?: Sketched | null,
  ): Promise<void>
  checks(): object
}

export interface AuditedPoolOptions {
  readonly auditors?: number
  /** How many of them the pool's owner vouches for. Default: all. */
  readonly trusted?: number
  readonly seat?: Partial<FakeTabOptions>
  /** Tabs beyond the two that the ring takes. */
  readonly others?: number
  readonly maxSeats?: number
  readonly seed?: number
  /** Instead of a seed's. */
  readonly entropy?: Entropy
  /** Default: idle rings are not challenged. */
  readonly challengeEveryMs?: number
}

export async function openAuditedPool(options: AuditedPoolOptions = {}): Promise<AuditedPool> {
  const { auditors: count = 3, trusted = count, others = 0, maxSeats = 2, challengeEveryMs = null } = options
  const breaches: Breach[] = []
  const auditors: FakeTab[] = []
  const pool = createTestPool(
    { minSeats: maxSeats, maxSeats, challengeEveryMs },
    {
      trustedAuditors: () => auditors.slice(0, trusted).map(({ peer }) => peer.slice(0, 42)),
      onBreach: breach => breaches.push(breach),
      entropy: options.entropy ?? createSeededRandom(options.seed ?? 7),
    },
  )
  const tabs = await pool.joinTabs(maxSeats, options.seat)
  const seats = tabs.sort((a, b) => a.assignment().seat - b.assignment().seat)
  for (let i = 0; i < count; i++) auditors.push(pool.hub.tab(50 + i, { model: pool.model, role: 'auditor' }))
  for (let i = 0; i < others; i++) pool.hub.tab(80 + i, { model: pool.model }).join()
  for (const auditor of auditors) auditor.join()
  await pool.clock.settle()

  const read = new Map<FakeTab, number>()
  const asked = (tab: FakeTab): RunCheck[] => {
    const all = tab.commands.filter(command => command.type === 'run-check')
    const news = all.slice(read.get(tab) ?? 0)
    read.set(tab, all.length)
    return news
  }
  const report: AuditedPool['report'] = async (auditor, command, outcome, extra = {}, computed) => {
    const { check } = command
    const isAnswer = outcome !== 'failed' && outcome !== 'withheld'
    const said = computed === undefined ? sketchedRows(1) : computed
    if (isAnswer && said !== null) {
      auditor.say({ type: 'check-computed', check, ...said })
      await pool.clock.settle()
    }
    const nothing = { blamed: null, words: '', computeMs: 5, finding: null, evidence: null }
    auditor.say({ type: 'check-reported', check, outcome, ...nothing, ...extra })
    await pool.clock.settle()
  }
  return {
    pool,
    seats,
    auditors,
    breaches,
    answer: async () => {
      const entry = seats[0]!
      const reply = pool.chat({ max_tokens: 3 })
      const job = await entry.nextJob()
      entry.flow(job.requestId)
      entry.draw(job, 3)
      entry.finish(job.requestId, 'length')
      await (await reply).json()
      await pool.clock.settle()
    },
    next: async seat => {
      for (let isIdle = false; !isIdle; ) {
        isIdle = true
        const found = auditors.flatMap(auditor => asked(auditor).map(check => ({ auditor, check })))
        for (const { auditor, check } of found.filter(({ check }) => check.seat !== seat)) {
          isIdle = false
          await report(auditor, check, 'agreed')
        }
        const wanted = found.find(({ check }) => check.seat === seat)
        if (wanted !== undefined) return wanted
      }
      throw new Error(`Nobody was asked about seat ${seat}.`)
    },
    asked,
    reportAll: async (outcome, blamed = () => null) => {
      let reported = 0
      for (let isDone = false; !isDone; ) {
        isDone = true
        for (const auditor of auditors) {
          for (const check of asked(auditor)) {
            isDone = false
            reported += 1
            await report(auditor, check, outcome, { blamed: blamed(check) as never })
          }
        }
      }
      return reported
    },
    accuse: async (auditor, check, change) => {
      const { bytes, sha256 } = fakeEvidence(check, change)
      const { path, ticket } = check.evidence!
      const { status } = await pool.app.request(`${path}/${sha256}`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${ticket}` },
        body: new Uint8Array(bytes),
      })
      await report(auditor, check, 'differs', { evidence: { sha256, sizeBytes: bytes.length } })
      return status
    },
    report,
    checks: () => {
      const { computeMs: _, ...counts } = pool.desk.snapshot().checks!
      return Object.fromEntries(Object.entries(counts).filter(([, count]) => typeof count === 'number' && count > 0))
    },
  }
}
