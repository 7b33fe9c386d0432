import { expect, it } from 'vitest'
import { seatConfigOf } from '../../testing/seat-config-of.ts'
import { openPipelineState, type PipelineState } from './pipeline-state.ts'
import { greedy } from './sampling-params.ts'
import { defaultDeadlines } from './seat-config.ts'
import { step } from './step.ts'
import { noStepCosts, observeStep } from './step-costs.ts'

const { firstMs } = defaultDeadlines

/** Whether the last of `requests` is still waited for after `silentMs`, on a ring of three seats that take `chunkMs` for a chunk. */
function isWaitedFor(requests: number, chunkMs: number | null, silentMs: number): boolean {
  const opened = openPipelineState(seatConfigOf(0, { maxChunk: 16, maxRequests: 64, maxRows: 1, speculate: false }))
  const costs = chunkMs === null ? noStepCosts : observeStep(observeStep(noStepCosts, 16, chunkMs), 16, chunkMs)
  let state: PipelineState = { ...opened, seatCosts: opened.seatCosts.map(() => costs) }
  for (let i = 0; i < requests; i += 1) {
    const job = { requestId: `r${i}`, promptTokens: [1, 2, 3], maxTokens: 4, stopTokens: [], sampling: greedy }
    ;[state] = step(state, { type: 'request-submitted', job, nowMs: 0 })
  }
  ;[state] = step(state, { type: 'ticked', nowMs: silentMs })
  return state.requests.has(`r${requests - 1}`)
}

it('waits for a first token as long as all who wait may take, at each seat', () => {
  // 2 × 20 requests × 2 s × 3 seats.
  expect(isWaitedFor(20, 2000, 240_000)).toBe(true)
  expect(isWaitedFor(20, 2000, 240_001)).toBe(false)
})

it('waits no less than the plain deadline, whatever was measured, and no more than ten of them, whatever seats say', () => {
  for (const chunkMs of [null, 1]) {
    expect(isWaitedFor(1, chunkMs, firstMs)).toBe(true)
    expect(isWaitedFor(1, chunkMs, firstMs + 1)).toBe(false)
  }
  expect(isWaitedFor(1, 1e7, 10 * firstMs)).toBe(true)
  expect(isWaitedFor(1, 1e7, 10 * firstMs + 1)).toBe(false)
})
