/**
 * What our workflows take, from typed values: amounts and epochs as decimal strings, because a number of JSON is not exact past 2^53.
 * The same values always make the same input, so that a retry under one key is the same call.
 */
import type { KeeperInput } from '@computepool/shared/ports'
import type { Address, Hex } from 'viem'

/** Where a run reports to; null where the orchestrator cannot be reached over https and asks for the status instead. */
export interface CallbackAddress {
  readonly url: string
  readonly token: string
}

interface Transition {
  /** Told back by the callback. */
  readonly outboxId: string
  readonly callback: CallbackAddress | null
}

export interface SessionTransition extends Transition {
  readonly sessionId: Hex
  readonly epoch: bigint
  /** What the session owes in total, in USDC's 6 decimals. */
  readonly dueAtomic: bigint
}

/** `stream-start`: begins, renews or changes a stream. `leaseUntil` in Unix seconds of the chain. */
export const streamStartInput = (
  transition: SessionTransition & { rateWei: bigint; leaseUntil: bigint },
): KeeperInput => ({
  ...sessionInput(transition),
  rate_wei: String(transition.rateWei),
  lease_until: String(transition.leaseUntil),
})

/** `stream-stop`: final closes and refunds, else the session stays open without a stream. */
export const streamStopInput = (transition: SessionTransition & { isFinal: boolean }): KeeperInput => ({
  ...sessionInput(transition),
  final: transition.isFinal,
})

/** `set-units`: all operators and their units; whoever is missing has none. */
export const setUnitsInput = (
  transition: Transition & { epoch: bigint; members: readonly { address: Address; units: bigint }[] },
): KeeperInput => ({
  epoch: String(transition.epoch),
  members: transition.members.map(({ address }) => address),
  units: transition.members.map(({ units }) => String(units)),
  ...callbackInput(transition),
})

/** `reap` beside its schedule. */
export const reapInput = (transition: Transition): KeeperInput => callbackInput(transition)

const sessionInput = (transition: SessionTransition): KeeperInput => ({
  session_id: transition.sessionId,
  epoch: String(transition.epoch),
  due_atomic: String(transition.dueAtomic),
  ...callbackInput(transition),
})

const callbackInput = ({ outboxId, callback }: Transition): KeeperInput => ({
  outbox_id: outboxId,
  callback_url: callback?.url ?? '',
  callback_token: callback?.token ?? '',
})
