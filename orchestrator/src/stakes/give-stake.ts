/**
 * A stake's worth of test money for an operator that has none, once, on a chain of our own. The gift is written down before it is made,
 * so that a kill gives nobody two; how many there are is bounded, because wallets cost nothing.
 */
import { usdcAbi } from '@computepool/contracts/abi'
import type { Hex } from 'viem'
import { chainError } from '../chain/chain-error.ts'
import type { StakeBook } from './stake-book.ts'
import type { StakeDeskOptions, StakePoint } from './stake-ports.ts'

export interface GiveContext extends Pick<StakeDeskOptions, 'client' | 'token' | 'stakeAtomic' | 'give' | 'clock'> {
  readonly book: StakeBook
  kill(point: StakePoint): Promise<void>
}

/** Of one chain and ledger. */
const mostGifts = 1000
/** Stands for a gift that a killed process made, and whose transaction nobody noted. */
const seen = 'seen'

/** Sees to it that the wallet can stake, where that is ours to do. Errors: `chain_unreachable`. */
export async function giveStake(context: GiveContext, operator: Hex): Promise<void> {
  const { client, token, stakeAtomic, give, book, clock } = context
  if (give === null) return
  const gift = await book.gift(operator)
  if (gift !== null && gift.hash !== null) return
  const note = (hash: string | null): Promise<void> =>
    book.noteGift({ operator, amountAtomic: stakeAtomic, hash, nowMs: clock.wallMs() })
  const held = await client
    .readContract({ address: token.address, abi: usdcAbi, functionName: 'balanceOf', args: [operator] })
    .catch((thrown: unknown) => {
      throw chainError(thrown, 'Reading what an operator holds')
    })
  if (held >= stakeAtomic) return gift === null ? undefined : note(seen)
  if (gift === null) {
    if ((await book.gifts()) >= mostGifts) return
    await note(null)
    await context.kill('stakes:gift-noted')
  }
  const hash = await give(operator, stakeAtomic)
  await context.kill('stakes:gift-sent')
  await note(hash)
}
