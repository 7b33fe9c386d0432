/** What a path of the hop bench is, and the simplest: a loopback inside this process. */
import { hostClock } from '@computepool/peer/host.ts'
import { createLoopbackNetwork } from '@computepool/shared/testing'
import { answerActivations, roundTripsMs } from './round-trips.ts'

export interface HopPath {
  readonly name: string
  /** Milliseconds of so many round trips. */
  measure(count: number): Promise<readonly number[]>
  close(): Promise<void>
}

export const benchPeerA = `0x${'a'.repeat(40)}.00000001` as const
export const benchPeerB = `0x${'b'.repeat(40)}.00000002` as const

export function openLoopback(): HopPath {
  const clock = {
    ...hostClock,
    // A timer of 0 ms takes one; this transport takes a turn of the event loop.
    schedule(delayMs: number, task: () => void) {
      if (delayMs > 0) return hostClock.schedule(delayMs, task)
      const turn = setImmediate(task)
      return () => clearImmediate(turn)
    },
  }
  const network = createLoopbackNetwork({ clock, delayMs: 0 })
  const [a, b] = [network.transport(benchPeerA), network.transport(benchPeerB)]
  network.connect(benchPeerA, benchPeerB)
  answerActivations(b)
  return {
    name: 'loopback in one process',
    measure: count => roundTripsMs(a, benchPeerB, count),
    async close() {
      await a.close()
      await b.close()
    },
  }
}
