/** The storage port: content-addressed bytes. What is opened under a digest was committed under it; nothing here fetches or hashes. */
import type { PartReader } from './engine.ts'

export type StorageKind = 'opfs' | 'cache' | 'memory' | 'disk'

/** A file that is being written; it survives `close` (where `isResumable`), and becomes readable by `commit`. */
export interface PartialArtifact {
  /** Bytes that are there already. */
  readonly sizeBytes: number
  /** Errors: `artifact_quota_exceeded`. */
  append(bytes: Uint8Array): Promise<void>
  read(offset: number, length: number): Promise<Uint8Array>
  /** Back to no bytes. */
  clear(): Promise<void>
  /** The caller has checked the digest: from now on `has` finds it. Closes. */
  commit(): Promise<void>
  /** Keeps what is there for the next time. Idempotent. */
  close(): Promise<void>
}

/** Errors of all: `artifact_quota_exceeded` where there is no room, `artifact_fetch_failed` where the device fails. */
export interface ArtifactStorage {
  readonly kind: StorageKind
  /** True where a partial file outlives the process. */
  readonly isResumable: boolean
  /** Size of a committed file; null where there is none, or where it is not as long as it was when committed. */
  has(sha256: string): Promise<number | null>
  /** Only for what `has` finds. */
  open(sha256: string): Promise<PartReader>
  /** One writer at a time: waits for another, in this process or in another tab. */
  partial(sha256: string, signal?: AbortSignal): Promise<PartialArtifact>
  /** Digests of all files, committed or partial. */
  list(): Promise<readonly string[]>
  /** Forgets a committed or partial file; unknown digests are fine. */
  remove(sha256: string): Promise<void>
}
