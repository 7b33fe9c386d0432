/** Which of several ways to a peer is in use: the preferred one until it fails, then the next. It knows neither what a way is nor why it failed. */

export interface WayTable {
  /** Forgets all others. */
  set(ways: ReadonlyMap<string, readonly string[]>): void
  /** The way in use, or null where there is none. */
  first(peer: string): string | null
  has(peer: string, way: string): boolean
  /** The next datagram tries another way, where there is one and `failed` is still in use. */
  passOver(peer: string, failed: string): void
  /** Takes this one next, where it is a way to `peer`. */
  goBack(peer: string, way: string): void
}

export function createWayTable(): WayTable {
  let waysOf = new Map<string, string[]>()
  return {
    set(ways) {
      waysOf = new Map()
      for (const [peer, list] of ways) if (list.length > 0) waysOf.set(peer, [...list])
    },
    first: peer => waysOf.get(peer)?.[0] ?? null,
    has: (peer, way) => waysOf.get(peer)?.includes(way) ?? false,
    passOver(peer, failed) {
      const ways = waysOf.get(peer)
      if (ways !== undefined && ways[0] === failed) ways.push(ways.shift()!)
    },
    goBack(peer, way) {
      const ways = waysOf.get(peer)
      const index = ways?.indexOf(way) ?? -1
      if (ways !== undefined && index > 0) ways.unshift(...ways.splice(index, 1))
    },
  }
}
