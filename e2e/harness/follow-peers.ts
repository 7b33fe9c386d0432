/**
 * Listens at a running orchestrator's desk: which peer has just come, and who holds a slice by now, standbys among them. It changes
 * nothing of what the desk hears.
 */
import type { Desk } from '@computepool/orchestrator/dispatch/index.ts'

export interface FollowedPeers {
  /** The next peer that signs in. */
  next(): Promise<string>
  /** Resolves when the desk has heard that this peer is gone. */
  gone(peer: string): Promise<void>
  /** Peers that are here and have said that their slice is loaded. */
  prepared(): readonly string[]
  /** Resolves when the ring is ready and so many peers hold slices; rejects with the pool's words at the deadline. */
  untilPrepared(count: number, deadlineMs?: number): Promise<void>
}

/** Slices are given out again when a ring has changed: only when nobody has loaded for so long is all as it stays. */
const quietMs = 1000

export function followPeers(desk: Desk): FollowedPeers {
  const prepared = new Set<string>()
  const waiters: ((peer: string) => void)[] = []
  let lastTalkMs = 0
  const farewells = new Map<string, () => void>()
  const { peerConnected, peerRequest, peerGone } = desk
  desk.peerConnected = peer => {
    peerConnected(peer)
    waiters.shift()?.(peer)
  }
  desk.peerRequest = (peer, request) => {
    if (request.type === 'slice-ready' || request.type === 'slice-progressed') lastTalkMs = performance.now()
    if (request.type === 'slice-ready') prepared.add(peer)
    if (request.type === 'slice-progressed') prepared.delete(peer)
    peerRequest(peer, request)
  }
  desk.peerGone = (peer, reason) => {
    prepared.delete(peer)
    peerGone(peer, reason)
    farewells.get(peer)?.()
  }
  return {
    next: () => new Promise(resolve => void waiters.push(resolve)),
    gone: peer => new Promise(resolve => void farewells.set(peer, resolve)),
    prepared: () => [...prepared],
    async untilPrepared(count, deadlineMs = 120_000) {
      const startedMs = performance.now()
      const isSo = (): boolean =>
        desk.snapshot().status === 'ready' && prepared.size >= count && performance.now() - lastTalkMs > quietMs
      while (!isSo()) {
        if (performance.now() - startedMs > deadlineMs) {
          const { explanation } = desk.snapshot()
          throw new Error(`${prepared.size} of ${count} peers hold slices after ${deadlineMs / 1000} s. ${explanation}`)
        }
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    },
  }
}
