/** Starts scheduled workflows when their minute comes. One turn is one run, also over a restart; a turn that finds the last one still running is let go. */
import type { Clock } from '@computepool/shared/ports'
import { parseCron } from './cron.ts'
import type { StoredWorkflow } from './workflow-store.ts'

export interface RunScheduler {
  /** Takes over these workflows' schedules in place of those before. */
  follow(workflows: readonly StoredWorkflow[]): void
  close(): void
}

// A timer holds at most 2^31 ms; the clock may also be set meanwhile.
const longestSleepMs = 3_600_000

export function createRunScheduler(
  clock: Clock,
  begin: (workflow: StoredWorkflow, turnMs: number) => void,
): RunScheduler {
  let cancels: (() => void)[] = []
  const close = (): void => {
    for (const cancel of cancels) cancel()
    cancels = []
  }
  const wait = (workflow: StoredWorkflow, schedule: ReturnType<typeof parseCron>, at: number): void => {
    const sleep = (turnMs: number): void => {
      const leftMs = turnMs - clock.wallMs()
      cancels[at] = clock.schedule(Math.min(Math.max(leftMs, 0), longestSleepMs), () => {
        if (clock.wallMs() < turnMs) return sleep(turnMs)
        begin(workflow, turnMs)
        next()
      })
    }
    const next = (): void => {
      const turnMs = schedule.next(clock.wallMs())
      if (turnMs !== null) sleep(turnMs)
    }
    next()
  }
  return {
    close,
    follow(workflows) {
      close()
      for (const workflow of workflows) {
        const { schedule } = workflow.graph
        if (!workflow.enabled || schedule === null) continue
        cancels.push(() => {})
        wait(workflow, parseCron(schedule), cancels.length - 1)
      }
    },
  }
}
