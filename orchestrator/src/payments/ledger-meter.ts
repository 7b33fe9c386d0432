/**
 * The meter over the ledger: readings go into it, and where it learns that a session ends, whoever ended it (its payer on the chain, a
 * reaper, its own age), what runs in it is stopped and nothing more is let in.
 */
import type { Clock } from '@computepool/shared/ports'
import type { Ledger } from './ledger.ts'
import { createMeter, type Meter } from './meter.ts'

export interface LedgerMeterOptions {
  readonly ledger: Pick<Ledger, 'startRequest' | 'endRequest' | 'onChange'>
  readonly clock: Clock
  readonly onFault: (fault: unknown) => void
}

export function createLedgerMeter({ ledger, clock, onFault }: LedgerMeterOptions): Meter {
  const meter = createMeter({
    clock,
    book: {
      requestStarted: start => ledger.startRequest(start),
      requestEnded: ({ outcome, ...end }) => ledger.endRequest({ ...end, stoppedBy: outcome }),
    },
    onFault,
  })
  ledger.onChange(({ sessionId, status }) => {
    if (status === 'closing' || status === 'closed') void meter.stop(sessionId)
  })
  return meter
}
