/**
 * A link's lanes, its further connections: when to ask for them, which of them has a path, and whether frames may be lost with one. It
 * knows the sender that feeds them, and neither hello nor what a frame holds.
 */
import type { Clock } from '@computepool/shared/ports'
import type { FrameSender } from './frame-sender.ts'
import type { ChannelName } from './host-protocol.ts'
import type { LinkChannel } from './link-channel.ts'
import type { TransportLimits } from './transport-limits.ts'

export interface LinkLanesOptions {
  readonly clock: Clock
  readonly limits: TransportLimits
  /** Null before the link has a channel for frames. */
  readonly sender: () => FrameSender | null
  readonly channelOf: (lane: number) => LinkChannel | undefined
  /** Asks for so many; null at the end that does not offer. */
  readonly openLanes: ((count: number) => void) | null
  /** A lane was long without a path, and the other side may miss what went over it. */
  readonly onLost: () => void
}

export interface LinkLanes {
  /** False while one that was open looks for another path. */
  readonly hasPath: boolean
  noteRoundTrip(rttMs: number): void
  /** A frame goes or has come. */
  noteFrame(): void
  noteOpened(lane: number): void
  connectionChanged(lane: number, state: RTCPeerConnectionState): void
  /** False: of what went before, the other side has missed no part for so long, and the link goes on without the lane. */
  mayLoseBy(channel: LinkChannel, atMs: number): boolean
  stop(): void
}

/** Measurements in a row, one a second, that call a peer far. */
const farMeasurements = 3

/** 0: of the first connection. */
export const laneOf = (name: ChannelName): number => (name.startsWith('lane-') ? Number(name.slice('lane-'.length)) : 0)

export function createLinkLanes({ clock, limits, sender, channelOf, openLanes, onLost }: LinkLanesOptions): LinkLanes {
  const opened = new Set<number>()
  /** Lanes without a path, and how to call off what follows. */
  const lost = new Map<number, () => void>()
  let farInARow = 0
  let hasLanes = false
  let isUsed = false

  /** A standby's links carry nothing, and each connection costs both ends something: lanes are for links that are used. */
  function openWhereFar(): void {
    // Not at the first measurement: pings also wait while the link opens, and behind a busy engine's steps.
    if (!isUsed || farInARow < farMeasurements || limits.lanes === 0 || hasLanes) return
    hasLanes = true
    openLanes?.(limits.lanes)
  }

  const mayLoseBy = (channel: LinkChannel, atMs: number): boolean =>
    channel.bufferedBytes > 0 || (sender()?.usedAtMs(channel) ?? 0) >= atMs - limits.reassemblyDeadlineMs

  return {
    get hasPath() {
      return lost.size === 0
    },
    noteRoundTrip(rttMs) {
      farInARow = rttMs < limits.lanesFromRttMs ? 0 : farInARow + 1
      openWhereFar()
    },
    noteFrame() {
      isUsed = true
      openWhereFar()
    },
    noteOpened: lane => void opened.add(lane),
    connectionChanged(lane, state) {
      const channel = channelOf(lane)
      // One that never opened carried nothing.
      if (!channel || !opened.has(lane)) return
      if (state === 'connected') {
        lost.get(lane)?.()
        lost.delete(lane)
        sender()?.setPath(channel, true)
      } else if ((state === 'disconnected' || state === 'failed') && !lost.has(lane)) {
        const lostAtMs = clock.monotonicMs()
        sender()?.setPath(channel, false)
        const cancel = clock.schedule(limits.disconnectDeadlineMs, () => {
          if (mayLoseBy(channel, lostAtMs)) onLost()
        })
        lost.set(lane, cancel)
      }
    },
    mayLoseBy,
    stop() {
      for (const cancel of lost.values()) cancel()
    },
  }
}
