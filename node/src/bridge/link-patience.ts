/** How much of a link's refused bytes a relay puts up with, forgiving slowly. It knows no reasons and closes nothing. */
import { type ByteBucket, createByteBucket } from './byte-bucket.ts'
import type { RelayLimits } from './relay-limits.ts'

export interface LinkPatience {
  /** `sizeBytes` more of `peer` were refused. True where that was too much. */
  isWornOut(peer: string, sizeBytes: number, nowMs: number): boolean
  forget(): void
}

export function createLinkPatience(
  limits: Pick<RelayLimits, 'linkRefusedBytes' | 'forgivenBytesPerSecond'>,
): LinkPatience {
  const left = new Map<string, ByteBucket>()
  return {
    isWornOut(peer, sizeBytes, nowMs) {
      const bucket = left.get(peer) ?? createByteBucket(limits.linkRefusedBytes, limits.forgivenBytesPerSecond)
      left.set(peer, bucket)
      return !bucket.take(sizeBytes, nowMs)
    },
    forget: () => left.clear(),
  }
}
