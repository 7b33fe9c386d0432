/** An original peer behind AXL's stand-in, as a node reaches it: through the carrier of its own links. */
import { hostClock } from '@computepool/peer/host.ts'
import type { Clock } from '@computepool/shared/ports'
import { createAxlCarrier } from '../src/axl/axl-carrier.ts'
import { createAxlClient } from '../src/axl/axl-client.ts'
import { openOriginalMail } from '../src/original/original-mail.ts'
import { createOriginalPeer, type OriginalPeer } from '../src/original/original-peer.ts'

export interface OriginalLink {
  readonly peer: OriginalPeer
  /** Messages that the carrier handed on. */
  readonly foreign: () => number
  close(): Promise<void>
}

export interface OriginalLinkOptions {
  /** The daemon on this side. */
  readonly url: string
  /** Of the daemon on the other. */
  readonly key: string
  /** Of the peer's deadlines. */
  readonly clock?: Clock
  readonly deadlineMs?: number
}

export function openOriginalLink({ url, key, clock = hostClock, deadlineMs }: OriginalLinkOptions): OriginalLink {
  const self = `0x${'a'.repeat(40)}.00000001` as const
  const carrier = createAxlCarrier({ self, client: createAxlClient({ url }), clock: hostClock })
  const mail = openOriginalMail(carrier, url)
  const peer = createOriginalPeer({ key, mail, clock, ...(deadlineMs === undefined ? {} : { deadlineMs }) })
  return {
    peer,
    foreign: () => carrier.counts.foreign,
    async close() {
      peer.close()
      mail.close()
      await carrier.close()
    },
  }
}
