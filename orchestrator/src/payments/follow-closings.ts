/**
 * Hears of sessions that others than the keeper closed on the chain: their payer, or who reaped them. It only says when to look; what
 * happened is read by who looks.
 */
import { streamVaultAbi } from '@computepool/contracts/abi'
import { type Hex, isAddressEqual, type PublicClient } from 'viem'

export interface FollowClosingsOptions {
  readonly client: PublicClient
  readonly vault: Hex
  /** Whose own closings are known already. */
  readonly keeper: Hex
  readonly pollingIntervalMs: number
  readonly onClosedByOthers: () => void
  /** The chain did not answer; the next poll asks again. */
  readonly onFault: (fault: unknown) => void
}

/** Follows until the returned function is called. */
export function followClosings(options: FollowClosingsOptions): () => void {
  const { client, vault, keeper, pollingIntervalMs, onClosedByOthers, onFault } = options
  return client.watchContractEvent({
    address: vault,
    abi: streamVaultAbi,
    eventName: 'SessionClosed',
    poll: true,
    pollingInterval: pollingIntervalMs,
    onLogs: logs => {
      if (logs.some(({ args }) => args.by !== undefined && !isAddressEqual(args.by, keeper))) onClosedByOthers()
    },
    onError: onFault,
  })
}
