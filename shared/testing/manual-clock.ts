/**
 * A clock that stands still until a test moves it. Timers run in the order of their time, then of their making; after each one
 * the event loop gets a turn, so that promises chained on a timer settle before the next timer runs.
 */
import type { Clock } from '@computepool/shared/ports'

export interface ManualClock extends Clock {
  /** Moves time on by `durationMs`, running every timer that falls due on the way. */
  advance(durationMs: number): Promise<void>
  /** Runs timers, jumping from one to the next, until none is left; throws after `maxTimers` (a task that re-arms for ever). */
  runAll(maxTimers?: number): Promise<void>
  /** Lets promises settle without moving time. */
  settle(): Promise<void>
  /** Timers waiting. */
  readonly pending: number
}

interface Timer {
  readonly atMs: number
  readonly order: number
  readonly task: () => void
}

/** One full turn of the event loop: all microtasks queued so far, and those they queue, have run after it. */
export function eventLoopTurn(): Promise<void> {
  return new Promise(resolve => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else setTimeout(resolve, 0)
  })
}

export function createManualClock(startWallMs = 1_767_225_600_000): ManualClock {
  let nowMs = 0
  let order = 0
  const timers = new Set<Timer>()

  const next = (): Timer | undefined => {
    let first: Timer | undefined
    for (const timer of timers) {
      if (!first || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) first = timer
    }
    return first
  }
  const runOne = async (timer: Timer): Promise<void> => {
    timers.delete(timer)
    nowMs = Math.max(nowMs, timer.atMs)
    timer.task()
    await eventLoopTurn()
  }

  return {
    monotonicMs: () => nowMs,
    wallMs: () => startWallMs + nowMs,
    schedule(delayMs, task) {
      const timer = { atMs: nowMs + Math.max(0, delayMs), order: order++, task }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    async advance(durationMs) {
      const untilMs = nowMs + durationMs
      await eventLoopTurn()
      for (let timer = next(); timer && timer.atMs <= untilMs; timer = next()) await runOne(timer)
      nowMs = untilMs
    },
    async runAll(maxTimers = 100_000) {
      await eventLoopTurn()
      for (let timer = next(), ran = 0; timer; timer = next(), ran += 1) {
        if (ran >= maxTimers) throw new Error(`The manual clock ran ${maxTimers} timers and more are waiting`)
        await runOne(timer)
      }
    },
    settle: eventLoopTurn,
    get pending() {
      return timers.size
    },
  }
}
