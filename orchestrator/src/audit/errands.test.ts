import { createManualClock } from '@computepool/shared/testing'
import type { Seat } from '@computepool/shared/wire'
import { expect, it } from 'vitest'
import { createAuditorRoster } from './auditor-roster.ts'
import { createErrands, type Errand } from './errands.ts'

const peer = (n: number): string => `0x${String(n).padStart(40, '0')}.00000000`
const layers = { start: 0, end: 2 }
const seats = (...peers: string[]): Seat[] => peers.map((peer, seat) => ({ peer, seat, layers }) as Seat)

it('an auditor that has no way into one ring is asked about another at once', () => {
  const clock = createManualClock(0)
  const roster = createAuditorRoster({ nowMs: () => clock.monotonicMs(), isTrusted: () => true, bytesOf: () => 1 })
  const auditors = [50, 51].map(peer)
  for (const auditor of auditors) {
    roster.joined(auditor)
    roster.measured(auditor, 100)
  }
  const rings = [
    { epoch: 1, seats: seats(peer(1), peer(2)), standbys: [] },
    { epoch: 2, seats: seats(peer(3), peer(4)), standbys: [] },
  ]
  const attached: string[] = []
  const attach = (auditor: string, epoch: number): boolean => {
    attached.push(`${auditors.indexOf(auditor)} to ${epoch}`)
    return epoch === 2
  }
  const errands = createErrands({ clock, roster, rings: () => rings, attach })
  const begun: string[] = []
  const errand = (ring: number): Errand => ({
    layers,
    needs: rings[ring - 1]!.seats.map(({ peer }) => peer),
    ...{ isUrgent: false, patienceMs: 60_000, withinMs: 60_000, isBarred: () => false },
    begin: auditor => void begun.push(`${auditors.indexOf(auditor)} at ${ring}`),
    failed: () => {},
    dropped: () => {},
  })
  errands.add(errand(1))
  errands.add(errand(2))
  errands.stir()
  // Each was tried once for the ring that it cannot reach.
  expect(attached).toEqual(['0 to 1', '1 to 1', '0 to 2'])
  errands.sliceReady(auditors[0]!, 2, layers)
  expect(begun).toEqual(['0 at 2'])
  errands.close()
})
