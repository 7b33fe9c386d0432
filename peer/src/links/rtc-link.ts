/**
 * One link to one peer, from its connection to its end: hello, frames out through the sender, fragments in through the reassembler,
 * round trips, and the deadlines that close it. Its further connections are the lanes'; it knows neither other links nor what a frame holds.
 */
import { asComputePoolError, ComputePoolError, type ErrorCode } from '@computepool/shared/errors'
import type { Clock, LinkFacts } from '@computepool/shared/ports'
import {
  createReassembler,
  type LinkMessage,
  type PeerId,
  parseLinkMessage,
  protocolVersion,
  versionRefusal,
} from '@computepool/shared/wire'
import { createFrameSender, type FrameSender } from './frame-sender.ts'
import type { ChannelName } from './host-protocol.ts'
import type { LinkChannel } from './link-channel.ts'
import { createLinkLanes, laneOf } from './link-lanes.ts'
import { openWaiters } from './open-waiters.ts'
import { measureRoundTrip, type RoundTrip } from './round-trip.ts'
import type { TransportLimits } from './transport-limits.ts'

export interface RtcLinkOptions {
  readonly self: PeerId
  readonly peer: PeerId
  readonly epoch: number
  readonly clock: Clock
  readonly limits: TransportLimits
  readonly onOpened: () => void
  readonly onMeasured: (rttMs: number) => void
  readonly onFrame: (frame: Uint8Array) => void
  /** Told once, whoever ended it. */
  readonly onClosed: (error: ComputePoolError) => void
  readonly restartIce: () => void
  /** Asks for so many more connections; null at the end that does not offer. */
  readonly openLanes: ((count: number) => void) | null
}

export interface RtcLink {
  readonly facts: LinkFacts
  readonly isClosed: boolean
  attach(name: ChannelName, channel: LinkChannel): void
  /** Waits until the link is open, then for room. */
  send(frame: Uint8Array, signal?: AbortSignal): Promise<void>
  connectionChanged(state: RTCPeerConnectionState, lane?: number): void
  /** False while ICE looks for another path for one of its connections. */
  readonly hasPath: boolean
  /** It is kept in a new assignment. */
  noteAssigned(): void
  /** Idempotent; the first error is the one that is told. */
  close(error: ComputePoolError): void
}

/** More than a peer can have under way between its hello and ours. */
const maxEarlyFrames = 256

/** Beside the largest frame: small frames, and frames whose lost fragments are sent again. */
const maxPendingBytes = 64 << 20

export function createRtcLink(options: RtcLinkOptions): RtcLink {
  const { self, peer, epoch, clock, limits } = options
  const reassembler = createReassembler({
    maxFrameBytes: limits.maxFrameBytes,
    maxPendingBytes: limits.maxFrameBytes + maxPendingBytes,
    deadlineMs: limits.reassemblyDeadlineMs,
  })
  const channels = new Map<ChannelName, LinkChannel>()
  const counters = { sentBytes: 0, receivedBytes: 0, sentFrames: 0, receivedFrames: 0 }
  const waiting = openWaiters()
  const early: Uint8Array[] = []
  let state: 'connecting' | 'open' | 'closed' = 'connecting'
  let ending: ComputePoolError | null = null
  let hasHello = false
  let sender: FrameSender | null = null
  let roundTrip: RoundTrip | null = null
  let cancelPathDeadline = (): void => {}
  let isPathLost = false
  let cancelReassembly = (): void => {}
  const lanes = createLinkLanes({
    clock,
    limits,
    sender: () => sender,
    channelOf: lane => channels.get(`lane-${lane}`),
    openLanes: options.openLanes,
    onLost: () =>
      close(problem('peer_disconnected', `A lane to ${peer} had no path for ${limits.disconnectDeadlineMs} ms`)),
  })
  const cancelConnect = clock.schedule(limits.connectDeadlineMs, () =>
    close(problem('peer_unreachable', `No link to ${peer} came up in ${limits.connectDeadlineMs} ms`)),
  )

  const say = (message: LinkMessage): void => {
    const control = channels.get('control')
    if (control?.isOpen) control.send(JSON.stringify(message))
  }
  const attempt = (run: () => void): void => {
    try {
      run()
    } catch (fault) {
      close(asComputePoolError(fault, 'peer_disconnected'))
    }
  }

  function openWhenReady(): void {
    const frames = channels.get('frames')
    if (state !== 'connecting' || !hasHello || !frames?.isOpen || !channels.get('control')?.isOpen) return
    state = 'open'
    cancelConnect()
    roundTrip = measureRoundTrip({
      clock,
      sendPing: nonce => attempt(() => say({ type: 'ping', nonce })),
      onMeasured: acceptRoundTrip,
      onSilence: silentMs => close(problem('peer_timed_out', `${peer} was silent for ${Math.round(silentMs)} ms`)),
      idleIntervalMs: limits.idlePingIntervalMs,
      busyIntervalMs: limits.busyPingIntervalMs,
      silenceLimitMs: limits.silenceLimitMs,
      busySilenceLimitMs: limits.busySilenceLimitMs,
    })
    options.onOpened()
    waiting.resolve()
    for (const frame of early.splice(0)) deliver(frame)
  }

  function acceptRoundTrip(rttMs: number): void {
    options.onMeasured(rttMs)
    lanes.noteRoundTrip(rttMs)
  }

  /** A frame goes or has come. */
  function noteFrame(): void {
    roundTrip?.noteTraffic()
    lanes.noteFrame()
  }

  function close(error: ComputePoolError): void {
    if (state === 'closed') return
    state = 'closed'
    ending = error
    cancelConnect()
    cancelPathDeadline()
    lanes.stop()
    cancelReassembly()
    roundTrip?.stop()
    sender?.fail(error)
    waiting.reject(error)
    options.onClosed(error)
  }

  function deliver(frame: Uint8Array): void {
    counters.receivedFrames += 1
    counters.receivedBytes += frame.length
    noteFrame()
    options.onFrame(frame)
  }

  function acceptFragment(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) throw problem('peer_frame_invalid', `${peer} sent text where frames go`)
    const frame = reassembler.accept(new Uint8Array(data), clock.monotonicMs())
    watchReassembly()
    if (!frame) return
    // The other side is open when it has our hello, and may send before its own has been read here.
    if (state === 'open') deliver(frame)
    else if (early.length < maxEarlyFrames) early.push(frame)
    else throw problem('peer_message_invalid', `${peer} sent ${maxEarlyFrames} frames and no hello`)
  }

  function watchReassembly(): void {
    cancelReassembly()
    const atMs = reassembler.nextDeadlineMs
    if (atMs === null) return
    cancelReassembly = clock.schedule(atMs - clock.monotonicMs(), () => {
      // A reliable channel brings every fragment: one that stays away means a broken path or a broken peer.
      const [error] = reassembler.expire(clock.monotonicMs())
      if (error) close(error)
      else watchReassembly()
    })
  }

  function acceptMessage(message: LinkMessage): void {
    if (message.type === 'ping') say({ type: 'pong', nonce: message.nonce })
    else if (message.type === 'pong') roundTrip?.acceptPong(message.nonce)
    else acceptHello(message)
  }

  function acceptHello(message: Extract<LinkMessage, { type: 'hello' }>): void {
    const refusal = versionRefusal(message.version)
    if (refusal) throw refusal
    if (message.peer !== peer || message.epoch !== epoch) {
      const got = `${message.peer} of assignment ${message.epoch}`
      throw problem('peer_message_invalid', `${got} answered where ${peer} of assignment ${epoch} was due`)
    }
    hasHello = true
    openWhenReady()
  }

  const problem = (code: ErrorCode, message: string): ComputePoolError =>
    new ComputePoolError(code, message, {
      remedy:
        code === 'peer_unreachable' ? 'Check the network, or configure a TURN server.' : 'Route over another peer.',
      context: { peer },
    })

  return {
    get facts() {
      return {
        peer,
        kind: 'webrtc' as const,
        isOpen: state === 'open',
        rttMs: roundTrip?.rttMs ?? null,
        bytesPerSecond: sender?.bytesPerSecond ?? null,
        ...counters,
      }
    },
    get isClosed() {
      return state === 'closed'
    },
    attach(name, channel) {
      channels.set(name, channel)
      if (name === 'frames') sender = createFrameSender(channel, clock)
      else if (name !== 'control') sender?.addLane(channel)
      let wasOpened = false
      channel.listen({
        opened() {
          wasOpened = true
          if (laneOf(name) > 0) lanes.noteOpened(laneOf(name))
          attempt(() => {
            if (name === 'control') say({ type: 'hello', version: protocolVersion, peer: self, epoch })
            openWhenReady()
          })
        },
        received(data) {
          if (state === 'closed') return
          roundTrip?.noteHeard()
          attempt(() => (name === 'control' ? acceptMessage(parseLinkMessage(data)) : acceptFragment(data)))
        },
        drained() {
          if (name !== 'control') sender?.resume()
        },
        closed() {
          // A lane that never opened carried nothing; with one that did, fragments may be lost that nobody sends again.
          const isFirst = name === 'control' || name === 'frames'
          if (isFirst || (wasOpened && lanes.mayLoseBy(channel, clock.monotonicMs())))
            close(problem('peer_disconnected', `The link to ${peer} was closed at the other end`))
        },
      })
    },
    async send(frame, signal) {
      signal?.throwIfAborted()
      if (frame.length > limits.maxFrameBytes) {
        throw new ComputePoolError(
          'peer_frame_too_large',
          `A frame of ${frame.length} bytes exceeds ${limits.maxFrameBytes}`,
          {
            remedy: 'Send smaller chunks.',
            context: { sizeBytes: frame.length, limitBytes: limits.maxFrameBytes },
          },
        )
      }
      if (state === 'connecting') await waiting.wait(signal)
      if (ending || !sender) throw ending ?? problem('peer_disconnected', `The link to ${peer} is closed`)
      noteFrame()
      await sender.send(frame, signal).catch(fault => {
        throw signal?.aborted ? fault : asComputePoolError(fault, 'peer_disconnected')
      })
      counters.sentFrames += 1
      counters.sentBytes += frame.length
    },
    get hasPath() {
      return !isPathLost && lanes.hasPath
    },
    connectionChanged(connectionState, lane = 0) {
      if (lane > 0) {
        if (state === 'open') lanes.connectionChanged(lane, connectionState)
        return
      }
      isPathLost = connectionState === 'disconnected' || connectionState === 'failed'
      if (connectionState === 'connected') {
        cancelPathDeadline()
        cancelPathDeadline = () => {}
      } else if (connectionState === 'closed') {
        close(problem('peer_disconnected', `The connection to ${peer} is closed`))
      } else if (state === 'connecting' && connectionState === 'failed') {
        // New candidates may still come; the connect deadline decides.
        options.restartIce()
      } else if (state === 'open' && (connectionState === 'disconnected' || connectionState === 'failed')) {
        // Not torn down at once: a blip of three to five seconds heals by itself or by new candidates.
        options.restartIce()
        cancelPathDeadline()
        cancelPathDeadline = clock.schedule(limits.disconnectDeadlineMs, () =>
          close(problem('peer_disconnected', `The path to ${peer} was lost for ${limits.disconnectDeadlineMs} ms`)),
        )
      }
    },
    noteAssigned: () => roundTrip?.noteAssigned(),
    close,
  }
}
