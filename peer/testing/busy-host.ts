/** A host whose engine holds its only thread, for tests: while it is blocked neither timers nor datagrams are handled; afterwards all at once. */
import type { Clock, DatagramCarrier } from '@computepool/shared/ports'

export interface BusyHost {
  readonly clock: Clock
  carrier(carrier: DatagramCarrier): DatagramCarrier
  /** From now on, for so long. */
  block(durationMs: number): void
}

export function openBusyHost(clock: Clock): BusyHost {
  let untilMs = 0
  const leftMs = (): number => untilMs - clock.monotonicMs()
  /** Once the thread is free; returns the cancellation. */
  function whenFree(task: () => void): () => void {
    if (leftMs() <= 0) {
      task()
      return () => {}
    }
    let cancel = clock.schedule(leftMs(), () => {
      cancel = whenFree(task)
    })
    return () => cancel()
  }
  return {
    clock: {
      ...clock,
      schedule(delayMs, task) {
        let cancel = clock.schedule(delayMs, () => {
          cancel = whenFree(task)
        })
        return () => cancel()
      },
    },
    carrier: carrier => ({
      ...carrier,
      onDatagram: handler => carrier.onDatagram((from, datagram) => void whenFree(() => handler(from, datagram))),
    }),
    block(durationMs) {
      untilMs = clock.monotonicMs() + durationMs
    },
  }
}
