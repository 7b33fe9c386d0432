/** What a pipeline's state is opened with where a test has no swarm: one seat of a ring of three, a layer each, with small limits. */
import { defaultDeadlines, type SeatConfig } from '../src/pipeline/seat-config.ts'
import type { Seat } from '../src/wire/index.ts'

/** Told apart by every digit of the address. */
export const seatPeer = (index: number): string => `0x${String(index).repeat(40)}.00000000`

export const ringOf = (peers: number): Seat[] =>
  Array.from({ length: peers }, (_, seat) => ({
    seat,
    peer: seatPeer(seat),
    layers: { start: seat, end: seat + 1 },
  }))

export const seatConfigOf = (seat: number, change: Partial<SeatConfig> = {}): SeatConfig => ({
  epoch: 5,
  seat,
  seats: ringOf(3),
  hidden: 4,
  maxChunk: 3,
  maxContext: 64,
  maxRequests: 3,
  chunksInFlight: 2,
  maxRows: 2,
  speculate: true,
  deadlines: defaultDeadlines,
  ...change,
})
