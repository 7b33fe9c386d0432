/**
 * The machine under one tab of the chaos: everything that reaches the tab (timers, messages, frames) passes here, so that it can stand
 * still as a frozen tab does, or be gone. It knows no peer.
 */
import type { Clock } from '@computepool/shared/ports'
import type { ManualClock } from '@computepool/shared/testing'

export interface ChaosHost extends Clock {
  /** Runs at once, when the tab wakes, or never. */
  enter(task: () => void): void
  freeze(): void
  thaw(): void
  /** Closed: its timers are gone, and nothing reaches it any more. */
  die(): void
  isFrozen(): boolean
  isDead(): boolean
  wait(durationMs: number): Promise<void>
}

export function createChaosHost(clock: ManualClock): ChaosHost {
  let isFrozen = false
  let isDead = false
  const held: (() => void)[] = []
  const cancels = new Set<() => void>()

  const host: ChaosHost = {
    monotonicMs: clock.monotonicMs,
    wallMs: clock.wallMs,
    schedule(delayMs, task) {
      if (isDead) return () => {}
      let isCancelled = false
      const cancelTimer = clock.schedule(delayMs, () => {
        cancels.delete(cancel)
        host.enter(() => {
          if (!isCancelled) task()
        })
      })
      const cancel = (): void => {
        isCancelled = true
        cancels.delete(cancel)
        cancelTimer()
      }
      cancels.add(cancel)
      return cancel
    },
    enter(task) {
      if (isDead) return
      if (isFrozen) held.push(task)
      else task()
    },
    freeze: () => {
      isFrozen = true
    },
    thaw() {
      isFrozen = false
      // In the order in which it came; a task may close the tab or freeze it again.
      while (held.length > 0 && !isFrozen && !isDead) held.shift()!()
    },
    die() {
      isDead = true
      held.length = 0
      for (const cancel of [...cancels]) cancel()
    },
    isFrozen: () => isFrozen,
    isDead: () => isDead,
    wait: durationMs => new Promise(resolve => void host.schedule(durationMs, resolve)),
  }
  return host
}
