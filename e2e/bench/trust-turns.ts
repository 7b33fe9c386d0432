/**
 * Two rings over the same engines that take turns, lap by lap, so that whatever slows the machine slows both alike: each turn runs one ring
 * until its entry is about to step again, and nothing of it is under way. It knows nothing of receipts.
 */
import type { Engine } from '@computepool/shared/ports'
import { withRun } from '../../shared/testing/cheats/wrap-engine.ts'

/** What a turn took: of this process with all its threads, and by the wall's clock. */
export interface TurnTime {
  readonly cpuMs: number
  readonly wallMs: number
}

export interface Lane {
  /** The lane's own engines: as given, but that the first waits for its turn before each step. */
  readonly engines: readonly Engine[]
  /** Begins work that ends by itself; it waits at its first step. */
  begin(work: Promise<unknown>): Promise<void>
  readonly isOver: () => boolean
  /** One lap. Rejects with what the work rejected with. */
  turn(): Promise<TurnTime>
  /** Nothing waits for its turn any more: what was left in the middle can end. */
  release(): void
}

const moment = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
/** A frame is sent, taken and stepped on within fewer. */
const quietMoments = 6

/** `engines` by seat, which another lane may use as well. */
export function openLane(engines: readonly Engine[]): Lane {
  const running = new Set<Promise<unknown>>()
  let waiting: (() => void) | null = null
  let isOver = true
  let isFree = false
  let failure: { readonly thrown: unknown } | null = null
  const watched = engines.map((engine, seat) =>
    withRun(engine, async rows => {
      if (seat === 0 && !isFree)
        await new Promise<void>(resolve => {
          waiting = resolve
        })
      const step = engine.run(rows)
      running.add(step)
      try {
        return await step
      } finally {
        running.delete(step)
      }
    }),
  )

  /** Until it waits for its turn, or is over, and has been still since. Never turns in a circle while an engine is at work. */
  async function settle(): Promise<void> {
    for (let still = 0; still < quietMoments; ) {
      if (running.size > 0) await Promise.allSettled(running)
      await moment()
      still = running.size === 0 && (waiting !== null || isOver) ? still + 1 : 0
    }
    if (failure !== null) throw failure.thrown
  }

  return {
    engines: watched,
    isOver: () => isOver,
    async begin(work) {
      isOver = false
      void work
        .catch(thrown => {
          failure = { thrown }
        })
        .finally(() => {
          isOver = true
        })
      await settle()
    },
    release() {
      isFree = true
      waiting?.()
    },
    async turn() {
      const go = waiting
      if (go === null) throw new Error('It is not this lane’s turn: nothing waits.')
      waiting = null
      const [wall, cpu] = [performance.now(), process.cpuUsage()]
      go()
      await settle()
      const { user, system } = process.cpuUsage(cpu)
      return { cpuMs: (user + system) / 1000, wallMs: performance.now() - wall }
    },
  }
}
