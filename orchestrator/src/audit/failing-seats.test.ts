import { createManualClock } from '@computepool/shared/testing'
import type { DeskRequest, Seat } from '@computepool/shared/wire'
import { expect, it } from 'vitest'
import { createFailingSeats } from './failing-seats.ts'

const wallet = (digit: string): string => `0x${digit.repeat(40)}`
const ring = (...digits: string[]): Seat[] =>
  digits.map((digit, seat) => ({ seat, peer: `${wallet(digit)}.0` })) as unknown as Seat[]
const failed = (seat?: number): DeskRequest => {
  const context = seat === undefined ? {} : { seat }
  return {
    type: 'request-failed',
    requestId: 'r',
    error: { code: 'peer_frame_invalid', message: '', remedy: '', context },
  }
}
const finished = { type: 'request-finished', requestId: 'r', reason: 'stop', directHops: 0, laps: 1 } as DeskRequest

function open(seats = ring('a', 'b')) {
  const failing = createFailingSeats(createManualClock())
  const tell = (...said: DeskRequest[]): Array<string | null> =>
    said.map(one => failing.heard(seats[0]!.peer, one, seats))
  return { failing, tell }
}

it('names who fails three answers in a row, and nobody whose ring served one in between', () => {
  const { tell } = open()
  expect(tell(failed(1), failed(1), finished, failed(1), failed(1))).toEqual([null, null, null, null, null])
  expect(tell(failed(1))).toEqual([wallet('b')])
  expect(tell(failed(), failed(), failed())).toEqual([null, null, wallet('a')])
})

it('hears entries alone, and names the entry that has named two others before', () => {
  const { failing, tell } = open()
  const seats = ring('a', 'b')
  for (let i = 0; i < 5; i++) expect(failing.heard(seats[1]!.peer, failed(0), seats)).toBeNull()
  const namedIn = (seats: Seat[]): string | null => {
    for (let i = 0; i < 2; i++) failing.heard(seats[0]!.peer, failed(1), seats)
    return failing.heard(seats[0]!.peer, failed(1), seats)
  }
  expect(tell(finished)).toEqual([null])
  expect(['b', 'c', 'd'].map(other => namedIn(ring('a', other)))).toEqual([wallet('b'), wallet('c'), wallet('a')])
})
