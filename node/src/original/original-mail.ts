/**
 * Messages to and from peers of the original protocol through an AXL daemon: at most once, in any order, from whoever the daemon says.
 * It knows no frames. A daemon has one queue for all programs behind it: only one of them may read it, and hand on what is not its own.
 */
import type { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import type { AxlCarrier } from '../axl/axl-carrier.ts'
import { type AxlMessage, createAxlClient } from '../axl/axl-client.ts'
import { openAxlInbox } from '../axl/axl-inbox.ts'

export interface OriginalMail {
  /** Resolves when the other daemon has it, which says nothing of its queue. Errors: `peer_unreachable`, `peer_timed_out`. */
  send(key: string, body: Uint8Array): Promise<void>
  onMessage(handler: (message: AxlMessage) => void): () => void
  /** While true an answer is expected: poll tightly. */
  setBusy(isBusy: boolean): void
  close(): Promise<void>
}

export interface PollMailOptions {
  /** The daemon's HTTP API. */
  readonly url: string
  readonly clock: Clock
  /** The daemon stopped answering; told once, until it answers again. */
  readonly onDown?: (error: ComputePoolError) => void
}

/** Reads the daemon's queue itself: for a daemon that nobody else reads. */
export function pollOriginalMail({ url, clock, onDown }: PollMailOptions): OriginalMail {
  const client = createAxlClient({ url, sendsOnce: true })
  const handlers = new Set<(message: AxlMessage) => void>()
  const inbox = openAxlInbox({
    client,
    clock,
    ...(onDown === undefined ? {} : { onDown }),
    onMessage(message) {
      for (const handler of [...handlers]) handler(message)
    },
  })
  return {
    send: (key, body) => client.send(key, body),
    onMessage(handler) {
      handlers.add(handler)
      return () => void handlers.delete(handler)
    },
    setBusy: isBusy => inbox.setBusy(isBusy),
    async close() {
      client.close()
      await inbox.close()
    },
  }
}

/** Takes what `carrier` reads from the daemon at `url` and is none of its parcels. The carrier stays open. */
export function mailBesideCarrier(carrier: AxlCarrier, url: string): OriginalMail {
  const client = createAxlClient({ url, sendsOnce: true })
  return {
    send: (key, body) => client.send(key, body),
    onMessage: handler => carrier.onForeign(handler),
    setBusy: isBusy => carrier.setForeignBusy(isBusy),
    close: async () => client.close(),
  }
}
