/**
 * Links and sockets of the chaos: a loopback network whose links open when both ends want them, open again after a break, and are
 * noticed late where a tab is gone; and sockets to the real hub that keep order. It knows no slices and no requests.
 */

import type { SocketLike } from '@computepool/peer/runtime/hub-client.ts'
import type { PeerTransport } from '@computepool/peer/runtime/peer-powers.ts'
import {
  createLoopbackNetwork,
  type LoopbackOptions,
  type ManualClock,
  type SeededRandom,
} from '@computepool/shared/testing'
import type { SignalingHub } from '@computepool/signaling'
import type { ChaosHost } from './chaos-host.ts'

export interface ChaosNetwork {
  transport(self: string, host: ChaosHost): PeerTransport
  /** Links that are open now, each once. */
  open(): readonly (readonly [string, string])[]
  cut(a: string, b: string): void
  /** The peer is gone for good: its links are found broken after `delayMs`. */
  remove(peer: string, delayMs: number): void
}

interface End {
  readonly host: ChaosHost
  wanted: ReadonlySet<string>
  readonly barred: Set<string>
}

const openWithinMs = 200
const reopenWithinMs = 2000

export function createChaosNetwork(
  clock: ManualClock,
  random: SeededRandom,
  link: Omit<LoopbackOptions, 'clock'>,
): ChaosNetwork {
  const network = createLoopbackNetwork({ clock, ...link })
  const ends = new Map<string, End>()
  const opening = new Set<string>()
  const keyOf = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`)
  const wants = (a: string, b: string): boolean => {
    const end = ends.get(a)
    return end !== undefined && !end.host.isDead() && end.wanted.has(b) && !end.barred.has(b)
  }
  const isOpen = (a: string, b: string): boolean =>
    network
      .transport(a)
      .links()
      .some(({ peer, isOpen }) => peer === b && isOpen)

  /** Opens the link after a while where both ends want it; asks again while one of them is frozen. */
  const consider = (a: string, b: string, withinMs: number): void => {
    const key = keyOf(a, b)
    if (opening.has(key) || !wants(a, b) || !wants(b, a) || isOpen(a, b)) return
    opening.add(key)
    clock.schedule(1 + random.int(withinMs), () => {
      opening.delete(key)
      if (ends.get(a)?.host.isFrozen() || ends.get(b)?.host.isFrozen()) consider(a, b, reopenWithinMs)
      else if (wants(a, b) && wants(b, a)) network.connect(a, b)
    })
  }
  const cut = (a: string, b: string): void => {
    network.cut(a, b)
    consider(a, b, reopenWithinMs)
  }

  return {
    transport(self, host) {
      const end: End = { host, wanted: new Set(), barred: new Set() }
      ends.set(self, end)
      const inner = network.transport(self)
      return {
        // What a tab that is gone had begun to say stays unsaid.
        send: (to, frame, signal) => (host.isDead() ? new Promise(() => {}) : inner.send(to, frame, signal)),
        onFrame: handler => inner.onFrame((peer, frame) => host.enter(() => handler(peer, frame))),
        onLink: handler => inner.onLink(event => host.enter(() => handler(event))),
        links: () => inner.links().filter(({ peer }) => end.wanted.has(peer)),
        setRoutes({ routes }) {
          const wanted = new Set(routes.map(({ peer }) => peer))
          const lost = [...end.wanted].filter(peer => !wanted.has(peer))
          end.wanted = wanted
          end.barred.clear()
          for (const peer of lost) network.cut(self, peer)
          for (const peer of wanted) consider(self, peer, openWithinMs)
        },
        setIceServers: () => {},
        handleSignal: () => {},
        onSignal: () => () => {},
        dropPeer(peer) {
          end.barred.add(peer)
          network.cut(self, peer)
        },
        async close() {
          end.wanted = new Set()
          network.remove(self)
        },
      }
    },
    open: () =>
      [...ends.keys()].flatMap(self =>
        network
          .transport(self)
          .links()
          .filter(({ peer, isOpen }) => isOpen && self < peer)
          .map(({ peer }) => [self, peer] as const),
      ),
    cut,
    remove: (peer, delayMs) => void clock.schedule(delayMs, () => network.remove(peer)),
  }
}

export interface ChaosSocket extends SocketLike {
  /** As a network breaks it: both ends see it close. */
  fail(): void
  /** The tab is gone: the hub sees it close after `delayMs`. */
  abandon(delayMs: number): void
}

/** A socket to `hub` whose messages take `delayMs` each way, in order. */
export function openChaosSocket(hub: SignalingHub, clock: ManualClock, host: ChaosHost, delayMs: number): ChaosSocket {
  let onMessage = (_: string): void => {}
  let onClose = (): void => {}
  let isOpen = true
  const shut = (): void => {
    if (!isOpen) return
    isOpen = false
    onClose()
    clock.schedule(delayMs, () => host.enter(() => socket.onclose?.()))
  }
  const socket: ChaosSocket = {
    onopen: null,
    onmessage: null,
    onclose: null,
    send: text => void clock.schedule(delayMs, () => isOpen && onMessage(text)),
    close: () => void clock.schedule(delayMs, shut),
    fail: shut,
    abandon: lateMs => void clock.schedule(lateMs, shut),
  }
  clock.schedule(delayMs, () => {
    if (!isOpen) return
    hub.accept({
      remoteAddress: '127.0.0.1',
      send: text => void clock.schedule(delayMs, () => host.enter(() => isOpen && socket.onmessage?.({ data: text }))),
      close: () => void clock.schedule(delayMs, shut),
      onMessage: handler => {
        onMessage = handler
      },
      onClose: handler => {
        onClose = handler
      },
    })
    host.enter(() => socket.onopen?.())
  })
  return socket
}
