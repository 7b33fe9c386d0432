/** What the transport harness's page and worker tell each other. Types only. */

import type { ChannelCounts, TransportLimits } from '@computepool/peer/links/index.ts'
import type { ErrorData } from '@computepool/shared/errors'
import type { LinkSignal, PeerId } from '@computepool/shared/wire'

export interface HarnessTab {
  readonly self: PeerId
  readonly peer: PeerId
  readonly isInitiator: boolean
  /** Names the broadcast channels, so that tests do not hear each other. */
  readonly room: string
  readonly limits: Partial<TransportLimits>
}
export interface WorkerStart extends HarnessTab {
  readonly port: MessagePort
}
export interface HarnessSignal {
  readonly from: PeerId
  readonly to: PeerId
  readonly signal: LinkSignal
}
export type WorkerReport =
  /** It listens for signals: the other tab's would be lost before. */
  | { readonly type: 'listening' }
  | { readonly type: 'opened'; readonly channelCounts: ChannelCounts }
  | { readonly type: 'closed'; readonly error: ErrorData }

/** What a page offers to Playwright. */
export interface TransportHarness {
  /** Settles when the worker can hear the other tab's signals. */
  start(tab: HarnessTab, transferChannels: 'where-possible' | 'never'): Promise<void>
  /** Settles when the link to the other tab is open. */
  link(): Promise<ChannelCounts>
  runCase(name: string): Promise<void>
  roundTrips(sizeBytes: number, count: number): Promise<number[]>
  /** Settles with the error that closed the link. */
  closed(): Promise<string>
}

declare global {
  var transportHarness: TransportHarness
}
