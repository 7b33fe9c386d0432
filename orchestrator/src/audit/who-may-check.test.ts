import { createSeededRandom } from '@computepool/shared/testing'
import type { Seat } from '@computepool/shared/wire'
import { expect, it } from 'vitest'
import type { DrawnCheck } from './draw-checks.ts'
import { createWhoMayCheck } from './who-may-check.ts'

const wallet = (digit: string): string => `0x${digit.repeat(40)}`
const [vouched, staked, stranger] = [wallet('a'), wallet('b'), wallet('c')]
const seats = ['1', '2', '3'].map((digit, seat) => ({ seat, peer: `${wallet(digit)}.0` })) as unknown as Seat[]

/** Whether each of the three may check the seats, entry first. */
function seen({ isTrusted = false, isVouchedHere = true }): string[] {
  const who = createWhoMayCheck({
    roster: { hasAny: () => true, hasTrusted: ({ isBarred }) => isVouchedHere && !isBarred(vouched) },
    rings: () => [{ epoch: 1, seats, standbys: [] }],
    entropy: createSeededRandom(1),
    isTrusted: operator => operator === vouched,
    isBanned: () => false,
    mayHoldText: operator => operator === staked,
  })
  return [vouched, staked, stranger].map(operator =>
    seats
      .filter(({ seat, peer }) => {
        const sentFrom = (seats[seat + 1] ?? seats[seat]!).peer
        const drawn = { seat, accused: peer, sentFrom, attempt: { sent: { seats, isTrusted } } }
        return who.may(drawn as unknown as DrawnCheck, operator)
      })
      .map(({ seat }) => seat)
      .join(''),
  )
}

it('shows an entry’s text to no stranger while somebody vouched for is here', () => {
  expect(seen({})).toEqual(['012', '12', '12'])
  expect(seen({ isVouchedHere: false })).toEqual(['012', '012', '012'])
})

it('shows the ends of a request that asked for trust to the vouched and to those who may hold text alone', () => {
  for (const isVouchedHere of [true, false]) {
    expect(seen({ isTrusted: true, isVouchedHere })).toEqual(['012', '012', '1'])
  }
})
