/**
 * Messages to and from peers of the original protocol through an AXL daemon: at most once, in any order, from whoever the daemon says. It
 * knows no frames. A daemon has one queue for all programs behind it, so it is the node's own carrier that reads it.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { AxlCarrier } from '../axl/axl-carrier.ts'
import { type AxlMessage, createAxlClient } from '../axl/axl-client.ts'

export interface OriginalMail {
  /** Resolves when the other daemon has it, which says nothing of its queue. Errors: `peer_unreachable`, `peer_timed_out`. */
  send(key: string, body: Uint8Array): Promise<void>
  onMessage(handler: (message: AxlMessage) => void): () => void
  /** While true an answer is expected: poll tightly. */
  setBusy(isBusy: boolean): void
  close(): void
}

/**
 * Takes what `carrier` reads from the daemon at `url` and is none of its parcels; sends no message twice. The carrier stays open.
 * Errors: `input_invalid` where the node uses no AXL.
 */
export function openOriginalMail(carrier: AxlCarrier | null, url: string | null): OriginalMail {
  if (carrier === null || url === null)
    throw new ComputePoolError('input_invalid', 'A peer of the original protocol is reached by AXL only.', {
      remedy: 'Give --axl too.',
    })
  const client = createAxlClient({ url, sendsOnce: true })
  return {
    send: (key, body) => client.send(key, body),
    onMessage: handler => carrier.onForeign(handler),
    setBusy: isBusy => carrier.setForeignBusy(isBusy),
    close: () => client.close(),
  }
}
