/** A slice's parts summed up: bytes, share, time left. Pure. */
import type { PartProgress } from '@computepool/peer/runtime/peer-snapshot.ts'

export interface DownloadSummary {
  readonly doneBytes: number
  readonly totalBytes: number
  /** 0..1; 1 where there is nothing to do. */
  readonly share: number
  readonly storedParts: number
  readonly parts: number
  /** Found on this machine already. */
  readonly cachedBytes: number
  /** Null while the speed is unknown or nothing is left. */
  readonly leftMs: number | null
}

export function summarizeDownload(parts: readonly PartProgress[], bytesPerSecond: number | null): DownloadSummary {
  const doneBytes = parts.reduce((sum, part) => sum + part.doneBytes, 0)
  const totalBytes = parts.reduce((sum, part) => sum + part.totalBytes, 0)
  const left = totalBytes - doneBytes
  const isMoving = bytesPerSecond !== null && bytesPerSecond > 0
  return {
    doneBytes,
    totalBytes,
    share: totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes),
    storedParts: parts.filter(part => part.status === 'stored').length,
    parts: parts.length,
    cachedBytes: parts.reduce((sum, part) => sum + (part.isCached ? part.totalBytes : 0), 0),
    leftMs: isMoving && left > 0 ? (left / bytesPerSecond) * 1000 : null,
  }
}
