/** What auditors and time do about a dispute of the stage: answer times that pass, votes of two, and waiting for the money. It expects only that votes are taken. */
import type { VoteWord } from '@computepool/shared/coalition'
import { expect } from 'vitest'
import type { Breach, DisputeDesk } from '../src/disputes/index.ts'
import type { Key } from './coalition-stage.ts'
import type { DisputeStage } from './dispute-stage.ts'

export type View = Awaited<ReturnType<DisputeDesk['list']>>[number]
export const isOnChain = ({ onChain }: View): boolean => Boolean(onChain)
export const isPaid = (view: View): boolean => view.transactions.some(({ what }) => what.startsWith('paid'))

/** `stageOf`: opened by the time that anything is called. */
export function verdictsOn(stageOf: () => DisputeStage) {
  const signed = (auditor: Key, view: View, isGuilty: boolean): Promise<VoteWord> =>
    stageOf().coalition.signedVote(auditor, BigInt(view.onChain!.dispute), isGuilty)
  return {
    signed,
    /** Lets the time to answer pass, and as many auditors as it takes vote. */
    async decide(on: DisputeDesk, view: View, isGuilty: boolean): Promise<void> {
      const { chain, coalition } = stageOf()
      const left = BigInt(view.onChain!.respondUntil) - (await chain.now())
      if (left >= 0n) await chain.passSeconds(Number(left) + 1)
      for (const auditor of coalition.auditors.slice(0, 2)) {
        expect(await on.vote(view.id, await signed(auditor, view, isGuilty))).toMatchObject({ kind: 'taken' })
      }
    },
    /** Paid out, and nothing left to do. */
    async isClosed(on: DisputeDesk, breach: Breach): Promise<View> {
      const stage = stageOf()
      await stage.until(on, breach, isPaid)
      await on.idle()
      return (await stage.viewOf(on, breach))!
    },
  }
}
