/** WebRTC for a headless peer: the same transport as a tab's, with both its halves in this thread. It knows no engine and no desk. */
import {
  createDirectPorts,
  createRtcTransport,
  type HostCommand,
  type HostEvent,
  type RtcTransport,
  type TransportLimits,
} from '@computepool/peer/links/index.ts'
import type { Clock } from '@computepool/shared/ports'
import type { PeerId } from '@computepool/shared/wire'
import rtc from 'node-datachannel'
import { createNativeRtcHost } from './native-rtc-host.ts'

export interface NodeRtcOptions {
  readonly self: PeerId
  readonly clock: Clock
  readonly limits?: Partial<TransportLimits>
}

export interface NodeRtc extends RtcTransport {
  /** Breaks all connections as a lost process does: the other ends hear it, this end is told `peer_disconnected`. */
  cut(): void
}

export function createNodeRtc(options: NodeRtcOptions): NodeRtc {
  const [commands, events] = createDirectPorts<HostCommand, HostEvent>()
  const host = createNativeRtcHost(events)
  const transport = createRtcTransport({ ...options, port: commands })
  return {
    ...transport,
    get channelCounts() {
      return transport.channelCounts
    },
    cut: () => host.close(),
    async close() {
      await transport.close()
      // A microtask later, when the host has heard of each closed link.
      queueMicrotask(() => host.close())
    },
  }
}

/** Stops the library's threads, which would keep the process: once, before it ends, when every transport is closed. */
export function stopNodeRtc(): void {
  rtc.cleanup()
}
