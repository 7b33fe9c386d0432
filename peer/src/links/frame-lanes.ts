/**
 * Which channel a fragment takes, where a link has several. Large frames fill the lanes; small ones (tokens) keep to channels that no
 * large one has filled of late, and take two of them at once. It knows no frames, only when each channel was filled.
 */
import type { Clock } from '@computepool/shared/ports'
import { highWaterBytes, type LinkChannel } from './link-channel.ts'

export interface FrameLanes {
  add(channel: LinkChannel): void
  /** A lane without a path gets nothing more until it has one again. */
  setPath(channel: LinkChannel, hasPath: boolean): void
  /** When it last got a fragment; before all times where it never did. */
  usedAtMs(channel: LinkChannel): number
  /** More than one channel is open. */
  readonly canCopy: boolean
  /** For fragment `index` of a small frame; null: wait for room. */
  forSmall(frameId: number, index: number): LinkChannel | null
  /**
   * For the same fragment once more, so that a lost packet costs no retransmission, whose timer is 200 ms at least; null where there is one
   * channel only, or where the line has no room to spare.
   */
  forCopy(of: LinkChannel): LinkChannel | null
  /** Null: wait for room. */
  forLarge(): LinkChannel | null
  readonly bufferedBytes: number
}

/** What a large frame's fragment leaves in buffers that do not show is gone after this, unless more follows. */
const busyMs = 300

interface Lane {
  readonly channel: LinkChannel
  hasPath: boolean
  filledAtMs: number
  usedAtMs: number
}

const unused = (channel: LinkChannel): Lane => ({
  channel,
  hasPath: true,
  filledAtMs: Number.NEGATIVE_INFINITY,
  usedAtMs: Number.NEGATIVE_INFINITY,
})

export function createFrameLanes(first: LinkChannel, clock: Pick<Clock, 'monotonicMs'>): FrameLanes {
  const lanes: Lane[] = [unused(first)]
  let turn = 0

  const isUsable = ({ channel, hasPath }: Lane): boolean => channel.isOpen && hasPath
  const hasRoom = (lane: Lane): boolean => isUsable(lane) && lane.channel.bufferedBytes < highWaterBytes
  function use(lane: Lane | undefined): LinkChannel | null {
    if (lane === undefined) return null
    lane.usedAtMs = clock.monotonicMs()
    return lane.channel
  }
  /** The first connection is kept free of large frames, where there are lanes for them. */
  function quiet(): Lane[] {
    const sinceMs = clock.monotonicMs() - busyMs
    return lanes.filter(lane => hasRoom(lane) && (lane === lanes[0] || lane.filledAtMs < sinceMs))
  }

  return {
    add(channel) {
      lanes.push(unused(channel))
    },
    setPath(channel, hasPath) {
      for (const lane of lanes) if (lane.channel === channel) lane.hasPath = hasPath
    },
    usedAtMs: channel => lanes.find(lane => lane.channel === channel)?.usedAtMs ?? Number.NEGATIVE_INFINITY,
    get canCopy() {
      return lanes.length > 1 && lanes.filter(isUsable).length > 1
    },
    forSmall(frameId, index) {
      if (lanes.length === 1) return hasRoom(lanes[0]!) ? first : null
      const open = quiet()
      return use(open[(frameId + index) % open.length])
    },
    forCopy(of) {
      if (lanes.length === 1) return null
      const open = quiet()
      const next = open[(open.findIndex(({ channel }) => channel === of) + 1) % open.length]
      return next === undefined || next.channel === of || next.channel.bufferedBytes > 0 ? null : use(next)
    },
    forLarge() {
      const open = lanes.filter(hasRoom)
      const others = open.filter(lane => lane !== lanes[0])
      // Until a lane is open the first connection carries all.
      const isAlone = lanes.every(lane => lane === lanes[0] || !isUsable(lane))
      const choice = isAlone ? open : others
      if (choice.length === 0) return null
      turn += 1
      const start = turn % choice.length
      let least = choice[start]!
      for (let n = 1; n < choice.length; n++) {
        const lane = choice[(start + n) % choice.length]!
        if (lane.channel.bufferedBytes < least.channel.bufferedBytes) least = lane
      }
      least.filledAtMs = clock.monotonicMs()
      return use(least)
    },
    get bufferedBytes() {
      return lanes.reduce((sum, { channel }) => sum + channel.bufferedBytes, 0)
    },
  }
}
