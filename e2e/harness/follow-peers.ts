/**
 * Listens at a running orchestrator's desk: which peer has just come or gone, and how many hold slices by now, standbys among them. It
 * changes nothing of what the desk hears.
 */
import type { Desk } from '@computepool/orchestrator/dispatch/index.ts'
import type { PoolSnapshot } from '@computepool/shared/swarm'

export interface FollowedPeers {
  /** The next peer that signs in. */
  next(): Promise<string>
  /** Resolves when the desk has heard that this peer is gone. */
  gone(peer: string): Promise<void>
  /** Resolves when every ring is ready and so many peers hold slices; rejects with the pool's words at the deadline. */
  untilPrepared(count: number, deadlineMs?: number): Promise<void>
}

export function followPeers(desk: Desk): FollowedPeers {
  const waiters: ((peer: string) => void)[] = []
  const farewells = new Map<string, () => void>()
  const { peerConnected, peerGone } = desk
  desk.peerConnected = peer => {
    peerConnected(peer)
    waiters.shift()?.(peer)
  }
  desk.peerGone = (peer, reason) => {
    peerGone(peer, reason)
    farewells.get(peer)?.()
  }
  return {
    next: () => new Promise(resolve => void waiters.push(resolve)),
    gone: peer => new Promise(resolve => void farewells.set(peer, resolve)),
    untilPrepared: (count, deadlineMs = 120_000) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const pool = desk.snapshot()
          if (!isSettled(pool) || holdersIn(pool) < count) return
          leave()
          resolve()
        }
        const forget = desk.onChange(look)
        const deadline = setTimeout(() => {
          leave()
          const pool = desk.snapshot()
          const words = `${holdersIn(pool)} of ${count} peers hold slices after ${deadlineMs / 1000} s.`
          reject(new Error(`${words} ${pool.explanation}`))
        }, deadlineMs)
        const leave = (): void => {
          forget()
          clearTimeout(deadline)
        }
        look()
      }),
  }
}

/** No ring is being made, or made anew. */
const isSettled = ({ status, rings = [] }: PoolSnapshot): boolean =>
  status === 'ready' && rings.every(ring => ring.status === 'ready')

/** Peers in seats of rings that are ready, and standbys that hold their layers. */
function holdersIn({ rings = [] }: PoolSnapshot): number {
  const holders = rings.flatMap(({ status, seats, standbys }) => [
    ...(status === 'ready' ? seats : []),
    ...standbys.filter(({ isReady }) => isReady),
  ])
  return new Set(holders.map(({ peer }) => peer)).size
}
