/** Whose stake is looked at: whoever has something there, or had nothing there once, before it came. */
import type { CoalitionTerms, Hex } from '@computepool/shared/coalition'
import { expect, it } from 'vitest'
import type { CoalitionReader, CoalitionView, StakeView } from '../coalition/index.ts'
import type { StakeTerms } from './stake-book.ts'
import { createPictureReader, operatorStake } from './stake-picture.ts'

const [stays, comes, next] = [1, 2, 3].map((n): Hex => `0x${String(n).repeat(40)}`) as [Hex, Hex, Hex]
const stake = 5_000_000n

it('still sees the stake of a member that came by a re-split, after the next one left it out', async () => {
  const chain = { members: [stays], guilty: new Set<Hex>(), stakes: new Map([[stays, stake]]) }
  const reader = {
    coalitionOf: async (id: bigint) =>
      ({
        id,
        state: 'active',
        termsHash: '0x',
        parties: chain.members.map(operator => ({ operator })),
      }) as unknown as CoalitionView,
    stakesOf: async (_: bigint, operators: readonly Hex[]) =>
      operators.map((operator): StakeView => {
        const isMember = chain.members.includes(operator)
        const amountAtomic = chain.stakes.get(operator) ?? 0n
        const isGuilty = chain.guilty.has(operator)
        return { operator, amountAtomic, releasableAt: 0n, openDisputes: 0, isMember, isGuilty }
      }),
  } as unknown as CoalitionReader
  const pictures = createPictureReader(reader)
  const rowOf = (...operators: Hex[]): StakeTerms =>
    ({
      coalition: 1n,
      terms: { parties: operators.map(operator => ({ operator })) } as unknown as CoalitionTerms,
    }) as StakeTerms
  const look = async (rows: readonly StakeTerms[], operator: Hex) =>
    operatorStake(await pictures.read(rows, new Set()), operator)

  // Terms that are only offered name it: nothing of it lies there yet, and that is noted.
  const rows = [rowOf(stays), rowOf(stays, comes)]
  expect(await look(rows, comes)).toMatchObject({ state: 'none' })
  pictures.forget(1n, comes)
  chain.members = [stays, comes]
  chain.stakes.set(comes, stake)
  expect(await look(rows, comes)).toMatchObject({ state: 'staked', amountAtomic: stake })

  chain.members = [stays, next]
  rows.push(rowOf(stays, next))
  expect(await look(rows, comes)).toMatchObject({ state: 'unbonding', amountAtomic: stake })
  chain.stakes.set(comes, 0n)
  chain.guilty.add(comes)
  expect(await look(rows, comes)).toMatchObject({ state: 'slashed', amountAtomic: 0n })
})
