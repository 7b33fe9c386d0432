/**
 * What the runner needs of a key that sends transactions. Whoever keeps the promise numbers, prices and replaces them; the runner
 * only insists on storing every signed transaction before it is broadcast, so that a kill at any point cannot send twice.
 */
import type { Address, Hex } from 'viem'

export interface TransactionCall {
  readonly to: Address
  readonly data: Hex
  readonly valueWei: bigint
  /** Gas limit over the estimate: the estimate alone is too low for calls within calls. */
  readonly gasMultiplier: number
  /**
   * What would do harm if it came twice. Where a node says that its nonce is used, `submit` rejects and does not sign anew: that may be itself,
   * mined, told by a node that another one has not caught up with.
   */
  readonly isOnce?: boolean
}

export interface SignedTransaction {
  readonly hash: Hex
  readonly nonce: number
  readonly raw: Hex
}

export interface MinedTransaction {
  readonly status: 'success' | 'reverted'
  readonly blockNumber: bigint
  readonly gasUsed: bigint
  readonly effectiveGasPrice: bigint
}

export interface TransactionSender {
  readonly address: Address
  /**
   * Signs with the next nonce, waits for `onSigned` to have stored it, broadcasts, and resolves once a node has it; one after the
   * other. Where `onSigned` rejects nothing is sent and the nonce is free again. A transaction that gets stuck may be signed anew
   * at its nonce: `onSigned` hears of every such version before it is sent. Rejects with viem's error where the call would revert.
   */
  submit(call: TransactionCall, onSigned: (signed: SignedTransaction) => Promise<void>): Promise<SignedTransaction>
  /**
   * Hands in what was signed before; harmless where a node knows it, or its nonce is used. `onSigned` hears of the versions of it that
   * were signed in between, and of every later one before it is sent.
   */
  resubmit(signed: SignedTransaction, onSigned: (signed: SignedTransaction) => Promise<void>): Promise<void>
  /** Null while it is not mined, or not as deep as the chain asks for. */
  receipt(hash: Hex): Promise<MinedTransaction | null>
  /** The lowest nonce that may still be mined. */
  minedNonce(): Promise<number>
}
