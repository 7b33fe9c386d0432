/** Who hears of its stake, and how long: also whoever has no place any more, since its stake may still be taken or come back. */
import type { Hex, StakeToken } from '@computepool/shared/coalition'
import type { DeskCommand } from '@computepool/shared/wire'
import { expect, it } from 'vitest'
import type { RingToStake } from './rings-to-stake.ts'
import { createStakeTeller } from './tell-stakes.ts'
import type { StakeOf } from './view-stakes.ts'

const operator: Hex = `0x${'11'.repeat(20)}`
const peer = `${operator}.00000001`
const ring: RingToStake = { key: 'a ring', seats: [], peers: new Map([[operator, [peer]]]) }

function open() {
  const told: DeskCommand[] = []
  let stake: StakeOf
  const teller = createStakeTeller({
    desk: { tell: (_, command) => void told.push(command) },
    place: { chainId: 1, coalition: operator },
    token: {} as StakeToken,
    of: () => stake,
    hasAgreed: () => false,
    wasAtFault: () => false,
    turnOf: () => 0,
    picture: () => ({ coalitions: [], guilty: new Set() }),
  })
  return {
    told: () => told.splice(0).map(command => (command.type === 'stake-told' ? command.state : command.type)),
    tell(state: StakeOf['state'], amountAtomic: bigint, rings: readonly RingToStake[]): void {
      stake = { state, amountAtomic, coalition: 1n, releasableAt: 0n, words: state }
      teller.tell(rings, [])
    },
  }
}

it('tells whoever lost its place until nothing of its stake is left, and nothing twice', () => {
  const { told, tell } = open()
  tell('staked', 5n, [ring])
  expect(told()).toEqual(['staked'])
  tell('staked', 5n, [])
  expect(told()).toEqual([])
  tell('unbonding', 5n, [])
  tell('unbonding', 5n, [])
  expect(told()).toEqual(['unbonding'])
  tell('slashed', 0n, [])
  tell('none', 0n, [])
  expect(told()).toEqual(['slashed'])
})
