/** Waits until a quorum has decided a dispute, or the time is over: what a keeper does before it acts on a verdict. */
import type { CoalitionPort, StepFailure, Verdict } from '../coalition-port.ts'
import { answering, id, wholeNumber } from '../step-inputs.ts'
import { disputeOf } from './read-coalition.ts'

export interface AwaitQuorumInput {
  readonly disputeId: unknown
  /** Default 60, at most 600. */
  readonly timeoutSeconds?: unknown
  /** Default 5, at least 1. */
  readonly pollSeconds?: unknown
}

export type AwaitQuorumResult =
  | {
      readonly success: true
      /** True only where a quorum said guilty or innocent. */
      readonly isReached: boolean
      readonly verdict: Verdict
      readonly guiltyVotes: number
      readonly innocentVotes: number
      readonly quorum: number
      readonly isSettled: boolean
    }
  | StepFailure

const longestSeconds = 600

export const awaitQuorumCore = (input: AwaitQuorumInput, port: CoalitionPort): Promise<AwaitQuorumResult> =>
  answering(async (): Promise<AwaitQuorumResult> => {
    const dispute = id(input.disputeId, 'disputeId')
    const timeout = Math.min(Number(wholeNumber(input.timeoutSeconds || '60', 'timeoutSeconds')), longestSeconds)
    const poll = Math.max(Number(wholeNumber(input.pollSeconds || '5', 'pollSeconds')), 1)
    const until = port.nowSeconds() + timeout
    for (;;) {
      const found = await disputeOf(dispute, port)
      if (!found.success) return found
      const { verdict, guiltyVotes, innocentVotes, quorum, isSettled } = found
      if (verdict !== 'open' || port.nowSeconds() + poll > until) {
        const isReached = verdict === 'guilty' || verdict === 'innocent'
        return { success: true, isReached, verdict, guiltyVotes, innocentVotes, quorum, isSettled }
      }
      await port.pause(poll)
    }
  })
