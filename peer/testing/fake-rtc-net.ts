/**
 * Pages without a browser: hosts that speak the host protocol, whose connections are timers of a manual clock. For the worker's half
 * of the transport; what a real connection does is the browser test's business.
 */
import type { Clock } from '@computepool/shared/ports'
import type { PeerId } from '@computepool/shared/wire'
import type { ChannelName, HostCommand, HostEvent } from '../src/links/host-protocol.ts'

type Data = string | ArrayBuffer

export interface FakeRtcNetOptions {
  readonly clock: Clock
  readonly delayMs?: number
  /** Changes what passes, or loses it (null). */
  readonly tamper?: (from: PeerId, channel: ChannelName, data: Data) => Data | null
}

export interface FakeRtcNet {
  /** The port that `self`'s transport gets. */
  port(self: PeerId): MessagePort
  /** Commands that `self`'s transport has given. */
  commands(self: PeerId): readonly HostCommand[]
  /** Tells both ends of every connection of `self` a new state. */
  changeConnections(self: PeerId, state: RTCPeerConnectionState): void
  /** Ends the connections of `self`; the other ends hear nothing of it, nor ever again from them. */
  lose(self: PeerId): void
  /** Closes the connection between two, at both ends. */
  breakBetween(one: PeerId, other: PeerId): void
}

interface End {
  readonly self: PeerId
  readonly link: number
  other: End | null
  /** Whose description was applied here. */
  heard: string | null
  /** Its own, where it made one. */
  offer: string | null
  takenBytes: number
}

export function createFakeRtcNet({
  clock,
  delayMs = 5,
  tamper = (_, __, data) => data,
}: FakeRtcNetOptions): FakeRtcNet {
  const ports = new Map<PeerId, { onmessage: ((event: { data: HostEvent }) => void) | null }>()
  const given = new Map<PeerId, HostCommand[]>()
  const ends = new Map<string, End>()
  const keyOf = (self: PeerId, link: number): string => `${self}#${link}`
  const tell = (self: PeerId, event: HostEvent, afterMs = 0): void => {
    clock.schedule(afterMs, () => ports.get(self)?.onmessage?.({ data: event }))
  }
  const tellBoth = (channel: ChannelName, end: End, type: 'opened' | 'closed'): void => {
    for (const side of [end, end.other]) {
      if (side) tell(side.self, { type: 'proxy-event', link: side.link, channel, event: { type } }, delayMs)
    }
  }

  /** As real connections do: an answer fits one offer, and a connection talks to one other for life. */
  function signalArrived(end: End, sdpType: 'offer' | 'answer', sdp: string): void {
    const [from, to] = sdp.split(' answers ')
    const isFitting = sdpType === 'offer' ? end.offer === null : to === keyOf(end.self, end.link)
    if (!isFitting || (end.heard ?? from) !== from) {
      tell(end.self, { type: 'link-failed', link: end.link, message: `An ${sdpType} that does not fit` })
      return
    }
    end.heard = from!
    end.other = ends.get(from!) ?? null
    if (sdpType === 'offer') describe(end, 'answer', `${keyOf(end.self, end.link)} answers ${from}`)
    else for (const channel of ['control', 'frames'] as const) tellBoth(channel, end, 'opened')
  }

  function candidateArrived(end: End): void {
    if (end.heard !== null) return
    tell(end.self, { type: 'link-failed', link: end.link, message: 'A candidate before any description' })
  }

  /** With the candidate that ends the list. */
  function describe({ self, link }: End, sdpType: 'offer' | 'answer', sdp: string): void {
    tell(self, { type: 'signal-made', link, signal: { type: 'description', sdpType, sdp } })
    const candidate = { type: 'candidate', candidate: '', sdpMid: null, sdpMLineIndex: null } as const
    tell(self, { type: 'signal-made', link, signal: candidate }, delayMs)
  }

  function pass(end: End, channel: ChannelName, data: Data): void {
    const { other } = end
    const passed = tamper(end.self, channel, data)
    if (other && passed !== null && ends.has(keyOf(other.self, other.link))) {
      tell(
        other.self,
        { type: 'proxy-event', link: other.link, channel, event: { type: 'received', data: passed } },
        delayMs,
      )
    }
    if (channel !== 'frames') return
    end.takenBytes += (data as ArrayBuffer).byteLength
    tell(
      end.self,
      { type: 'proxy-event', link: end.link, channel, event: { type: 'drained', sentBytes: end.takenBytes } },
      delayMs,
    )
  }

  function perform(self: PeerId, command: HostCommand): void {
    const { link } = command
    const end = ends.get(keyOf(self, link))
    if (command.type === 'open-link') {
      const made: End = { self, link, other: null, heard: null, offer: null, takenBytes: 0 }
      ends.set(keyOf(self, link), made)
      for (const name of ['control', 'frames'] as const) tell(self, { type: 'channel-proxied', link, name })
      if (!command.isInitiator) return
      made.offer = keyOf(self, link)
      describe(made, 'offer', made.offer)
    } else if (end && command.type === 'signal-arrived') {
      if (command.signal.type === 'description') signalArrived(end, command.signal.sdpType, command.signal.sdp)
      else candidateArrived(end)
    } else if (end && command.type === 'send-by-proxy') pass(end, command.channel, command.data)
    else if (end && command.type === 'close-link') {
      ends.delete(keyOf(self, link))
      for (const channel of ['control', 'frames'] as const) tellBoth(channel, end, 'closed')
    }
  }

  return {
    port(self) {
      const commands: HostCommand[] = []
      const port = {
        onmessage: null,
        postMessage(command: HostCommand) {
          commands.push(command)
          perform(self, command)
        },
      }
      ports.set(self, port)
      given.set(self, commands)
      return port as unknown as MessagePort
    },
    commands: self => given.get(self) ?? [],
    lose(self) {
      for (const end of [...ends.values()]) {
        if (end.self !== self) continue
        if (end.other) end.other.other = null
        end.other = null
        tell(self, { type: 'connection-changed', link: end.link, state: 'closed' })
      }
    },
    breakBetween(one, other) {
      for (const { self, link, other: far } of ends.values()) {
        const isBetween = (self === one && far?.self === other) || (self === other && far?.self === one)
        if (isBetween) tell(self, { type: 'connection-changed', link, state: 'closed' })
      }
    },
    changeConnections(self, state) {
      for (const end of ends.values()) {
        if (end.self === self) tell(self, { type: 'connection-changed', link: end.link, state })
      }
    },
  }
}
