/**
 * A request table over rings that exist as words only: what their entries were told, and what they say. The token at a position is a
 * function of it, as a model's draw is, so that a text that moved can be checked.
 */
import { greedy, type RequestJob } from '@computepool/shared/pipeline'
import { createManualClock } from '@computepool/shared/testing'
import type { DeskCommand, DeskRequest } from '@computepool/shared/wire'
import type { Lap, RequestLimits, RequestOrder } from '../src/dispatch/live-request.ts'
import { createRequestTable, type RequestTable } from '../src/dispatch/request-table.ts'
import type { Ring } from '../src/dispatch/ring.ts'
import { fakePeerId } from './fake-tab.ts'
import { tokenAt } from './token-at.ts'

/** What one peer alone would answer. */
export const wholeText = (promptLength: number, tokens: number): number[] =>
  Array.from({ length: tokens }, (_, index) => tokenAt(promptLength + index))

export const orderOf = (change: Partial<RequestOrder> = {}): RequestOrder => ({
  promptTokens: [1, 2, 3],
  maxTokens: 6,
  stopTokens: [],
  sampling: greedy,
  ...change,
})

const usualLimits: RequestLimits = { maxRunning: 2, maxQueued: 4, stallTimeoutMs: 60_000, queueTimeoutMs: 30_000 }

export interface FakeRings {
  readonly table: RequestTable
  readonly clock: ReturnType<typeof createManualClock>
  readonly laps: readonly Lap[]
  /** Two seats of one layer each; the entry is peer number `epoch`. */
  ring(epoch: number, change?: Partial<Ring> & { readonly kvBudgetBytes?: number }): Ring
  /** Jobs that the ring's entry was told, oldest first. */
  jobs(epoch: number): readonly RequestJob[]
  cancelled(epoch: number): readonly string[]
  /** The entry says the next `count` tokens of its job. */
  draw(
    epoch: number,
    job: RequestJob,
    count: number,
    options?: { readonly lapMs?: number; readonly from?: number },
  ): void
  say(epoch: number, request: DeskRequest): void
  fail(epoch: number, requestId: string, code: string): void
  finish(epoch: number, requestId: string, reason?: 'stop' | 'length' | 'cancelled'): void
}

/** Tables of one process share no ids: a ledger may know several. */
let tables = 0

export function openFakeRings(limits: Partial<RequestLimits> = {}): FakeRings {
  const clock = createManualClock()
  const told: Array<{ peer: string; command: DeskCommand }> = []
  const laps: Lap[] = []
  const number = ++tables
  let drawn = 0
  const table = createRequestTable({
    clock,
    entropy: { bytes: length => Uint8Array.from({ length }, (_, index) => (index === 0 ? number : ++drawn) & 0xff) },
    limits: { ...usualLimits, ...limits },
    vocab: 251,
    send: (peer, command) => told.push({ peer, command }),
    onLap: lap => laps.push(lap),
    onChange: () => {},
  })
  const toldTo = (epoch: number): DeskCommand[] =>
    told.filter(({ peer }) => peer === fakePeerId(epoch)).map(({ command }) => command)
  const say: FakeRings['say'] = (epoch, request) => table.heard(fakePeerId(epoch), request)
  return {
    table,
    clock,
    laps,
    ring: (epoch, { kvBudgetBytes = 1e9, ...change } = {}) => ({
      id: `c${epoch}`,
      epoch,
      maxContext: 4096,
      kvBytesPerPosition: 1,
      expectedLapMs: 10,
      seats: [0, 1].map(seat => ({
        seat,
        peer: fakePeerId(epoch + seat * 1000),
        layers: { start: seat, end: seat + 1 },
        engine: 'wasm' as const,
        kvBudgetBytes,
      })),
      ...change,
    }),
    jobs: epoch => toldTo(epoch).flatMap(command => (command.type === 'run-request' ? [command.job] : [])),
    cancelled: epoch =>
      toldTo(epoch).flatMap(command => (command.type === 'cancel-request' ? [command.requestId] : [])),
    draw: (epoch, job, count, { lapMs = 10, from = 0 } = {}) => {
      const before = job.promptTokens.length + (job.generatedTokens?.length ?? 0)
      for (let index = from; index < from + count; index++) {
        const sampled = { token: tokenAt(before + index), logprob: null, topLogprobs: [] }
        say(epoch, { type: 'token-generated', requestId: job.requestId, index, sampled, lapMs, trace: [] })
      }
    },
    say,
    fail: (epoch, requestId, code) =>
      say(epoch, { type: 'request-failed', requestId, error: { code, message: `${code}.`, remedy: '', context: {} } }),
    finish: (epoch, requestId, reason = 'length') =>
      say(epoch, { type: 'request-finished', requestId, reason, directHops: 1 }),
  }
}
