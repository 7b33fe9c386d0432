/**
 * The transport port's fake: any number of peers in one process, joined by links with a seeded delay, jitter (which reorders) and
 * loss. A lost frame is a late frame, as on a reliable channel. It moves only when the clock moves, and knows no tensors.
 */
import { ComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { Clock, LinkEvent, LinkFacts, Transport } from '@computepool/shared/ports'
import { createSeededRandom } from './seeded-random.ts'

export interface LoopbackOptions {
  readonly clock: Clock
  readonly seed?: number
  /** One way. */
  readonly delayMs?: number
  /** Added to the delay, uniform in [0, jitterMs): frames overtake one another where it is not 0. */
  readonly jitterMs?: number
  /** Share of frames that are lost once, and so arrive `retransmitMs` later. */
  readonly lossRate?: number
  readonly retransmitMs?: number
  /** Bytes under way on one direction of a link before `send` waits. */
  readonly capacityBytes?: number
  readonly maxFrameBytes?: number
}

export interface LoopbackNetwork {
  /** The transport of `peer`; one a peer. */
  transport(peer: string): Transport
  /** Opens the link between two peers; both see `link-opened` and `link-measured`. */
  connect(a: string, b: string): void
  /** Opens every link among `peers`. */
  connectAll(peers: readonly string[]): void
  /** Breaks one link: frames under way are lost, waiting sends reject, both see `link-closed`. */
  cut(a: string, b: string): void
  /** Breaks all links of a peer, as when its tab is closed. */
  remove(peer: string): void
  /** Frames delivered from one peer to another, to prove which path was taken. */
  delivered(from: string, to: string): number
  /** Frames of one direction wait from now on (a stalled path), until the returned function is called. */
  stall(from: string, to: string): () => void
}

interface Direction {
  flightBytes: number
  sentBytes: number
  sentFrames: number
  deliveredBytes: number
  deliveredFrames: number
  isStalled: boolean
  readonly held: (() => void)[]
  readonly waiting: Set<{ resume(): void; fail(error: ComputePoolError): void }>
}

interface Link {
  isOpen: boolean
  readonly directions: Map<string, Direction>
}

const idleDirection = (): Direction => ({
  flightBytes: 0,
  sentBytes: 0,
  sentFrames: 0,
  deliveredBytes: 0,
  deliveredFrames: 0,
  isStalled: false,
  held: [],
  waiting: new Set(),
})

const disconnected = (from: string, to: string): ComputePoolError =>
  new ComputePoolError('peer_disconnected', `The link from ${from} to ${to} is closed`, {
    remedy: 'Route the request over other peers.',
    context: { peer: to },
  })

export function createLoopbackNetwork(options: LoopbackOptions): LoopbackNetwork {
  const { clock, delayMs = 1, jitterMs = 0, lossRate = 0, retransmitMs = 200 } = options
  const { capacityBytes = 1 << 20, maxFrameBytes = 64 << 20 } = options
  const random = createSeededRandom(options.seed ?? 1)
  const links = new Map<string, Link>()
  const frameHandlers = new Map<string, Set<(peer: string, frame: Uint8Array) => void>>()
  const linkHandlers = new Map<string, Set<(event: LinkEvent) => void>>()
  const transports = new Map<string, Transport>()

  const linkKey = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`)
  const linkOf = (a: string, b: string): Link | undefined => links.get(linkKey(a, b))
  const handlersOf = <T>(map: Map<string, Set<T>>, peer: string): Set<T> => {
    const handlers = map.get(peer) ?? new Set<T>()
    map.set(peer, handlers)
    return handlers
  }
  const tell = (peer: string, event: LinkEvent): void => {
    for (const handler of [...handlersOf(linkHandlers, peer)]) handler(event)
  }

  function deliver(link: Link, direction: Direction, from: string, to: string, frame: Uint8Array): void {
    if (!link.isOpen) return
    if (direction.isStalled) {
      direction.held.push(() => deliver(link, direction, from, to, frame))
      return
    }
    direction.flightBytes -= frame.length
    direction.deliveredBytes += frame.length
    direction.deliveredFrames += 1
    for (const waiter of [...direction.waiting]) waiter.resume()
    for (const handler of [...handlersOf(frameHandlers, to)]) handler(from, frame)
  }

  async function send(from: string, to: string, frame: Uint8Array, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const link = linkOf(from, to)
    if (!link) {
      throw new ComputePoolError('peer_unreachable', `${from} has no link to ${to}`, {
        remedy: 'Open the link before sending.',
        context: { peer: to },
      })
    }
    const direction = link.directions.get(from)
    if (!link.isOpen || !direction) throw disconnected(from, to)
    if (frame.length > maxFrameBytes) {
      throw new ComputePoolError('peer_frame_too_large', `A frame of ${frame.length} bytes exceeds ${maxFrameBytes}`, {
        remedy: 'Send smaller chunks.',
        context: { sizeBytes: frame.length, limitBytes: maxFrameBytes },
      })
    }
    // A frame larger than the capacity goes alone.
    while (direction.flightBytes > 0 && direction.flightBytes + frame.length > capacityBytes) {
      await room(direction, signal)
      if (!link.isOpen) throw disconnected(from, to)
    }
    const copy = frame.slice()
    direction.flightBytes += copy.length
    direction.sentBytes += copy.length
    direction.sentFrames += 1
    const lateMs = random.next() < lossRate ? retransmitMs : 0
    clock.schedule(delayMs + random.next() * jitterMs + lateMs, () => deliver(link, direction, from, to, copy))
  }

  function facts(self: string): LinkFacts[] {
    const found: LinkFacts[] = []
    for (const [key, link] of links) {
      const [a = '', b = ''] = key.split(' ')
      if (a !== self && b !== self) continue
      const peer = a === self ? b : a
      const out = link.directions.get(self) ?? idleDirection()
      const back = link.directions.get(peer) ?? idleDirection()
      found.push({
        peer,
        kind: 'loopback',
        isOpen: link.isOpen,
        rttMs: 2 * delayMs + jitterMs,
        bytesPerSecond: null,
        sentBytes: out.sentBytes,
        sentFrames: out.sentFrames,
        receivedBytes: back.deliveredBytes,
        receivedFrames: back.deliveredFrames,
      })
    }
    return found
  }

  const network: LoopbackNetwork = {
    transport(peer) {
      const existing = transports.get(peer)
      if (existing) return existing
      const transport: Transport = {
        send: (to, frame, signal) => send(peer, to, frame, signal),
        onFrame: handler => subscribe(handlersOf(frameHandlers, peer), handler),
        onLink: handler => subscribe(handlersOf(linkHandlers, peer), handler),
        links: () => facts(peer),
        close: async () => network.remove(peer),
      }
      transports.set(peer, transport)
      return transport
    },
    connect(a, b) {
      if (linkOf(a, b)?.isOpen) return
      links.set(linkKey(a, b), {
        isOpen: true,
        directions: new Map([
          [a, idleDirection()],
          [b, idleDirection()],
        ]),
      })
      for (const [self, peer] of [
        [a, b],
        [b, a],
      ] as const) {
        tell(self, { type: 'link-opened', peer })
        tell(self, { type: 'link-measured', peer, rttMs: 2 * delayMs + jitterMs })
      }
    },
    connectAll(peers) {
      peers.forEach((a, index) => {
        for (const b of peers.slice(index + 1)) network.connect(a, b)
      })
    },
    cut(a, b) {
      const link = linkOf(a, b)
      if (!link?.isOpen) return
      link.isOpen = false
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const error: ErrorData = disconnected(from, to).toJSON()
        const direction = link.directions.get(from)
        for (const waiter of [...(direction?.waiting ?? [])]) waiter.fail(disconnected(from, to))
        tell(from, { type: 'link-closed', peer: to, error })
      }
    },
    remove(peer) {
      for (const fact of facts(peer)) network.cut(peer, fact.peer)
    },
    delivered: (from, to) => linkOf(from, to)?.directions.get(from)?.deliveredFrames ?? 0,
    stall(from, to) {
      const direction = linkOf(from, to)?.directions.get(from)
      if (!direction) return () => {}
      direction.isStalled = true
      return () => {
        direction.isStalled = false
        for (const release of direction.held.splice(0)) release()
      }
    },
  }
  return network
}

function subscribe<T>(handlers: Set<T>, handler: T): () => void {
  handlers.add(handler)
  return () => void handlers.delete(handler)
}

/** Settles when the direction may have room, the link breaks, or the caller gives up. */
function room(direction: Direction, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      direction.waiting.delete(waiter)
      signal?.removeEventListener('abort', abort)
      settle()
    }
    const abort = (): void => finish(() => reject(signal?.reason))
    const waiter = { resume: () => finish(resolve), fail: (error: ComputePoolError) => finish(() => reject(error)) }
    direction.waiting.add(waiter)
    signal?.addEventListener('abort', abort, { once: true })
  })
}
