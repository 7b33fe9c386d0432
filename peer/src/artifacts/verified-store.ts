/**
 * Files by digest, from disk or one of several sources, never unverified: what was stored in an earlier session is hashed again before its first
 * use. Falls back from disk to memory where the disk is full, and fetches once more where a digest is wrong.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { FileRef } from '@computepool/shared/model'
import type { ArtifactStorage, Clock, PartReader } from '@computepool/shared/ports'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { ArtifactSources } from './artifact-sources.ts'
import type { FetchBytes } from './fetch-artifact.ts'
import { createSourceFetcher } from './fetch-from-sources.ts'

/** Whole files up to this size are hashed natively, which is faster than in JavaScript but needs them in memory. */
const nativeHashBytes = 256 << 20
const readBytes = 4 << 20

export interface VerifiedStoreOptions {
  /** Best first; memory last. */
  readonly storages: readonly [ArtifactStorage, ...ArtifactStorage[]]
  readonly fetchBytes: FetchBytes
  readonly clock: Clock
  /** Told once where the disk is full and a file went to memory. */
  readonly onFallback?: (error: ComputePoolError) => void
}

export interface ObtainOptions {
  /** Asked in this order, except that one which failed lately comes last. */
  readonly sources: ArtifactSources
  readonly signal: AbortSignal
  readonly onProgress?: (doneBytes: number) => void
  /** The bytes are there; their digest is being computed. */
  readonly onVerifying?: () => void
}

export interface VerifiedStore {
  /** Makes the file available to `open`. Errors: `artifact_*`, or the signal's reason. */
  obtain(file: FileRef, options: ObtainOptions): Promise<{ readonly isCached: boolean }>
  /** From now on these are what the tab is for: others make room where the disk is full. */
  keep(sha256s: Iterable<string>): void
  /** Only after `obtain`. */
  open(file: FileRef): Promise<PartReader>
}

export function createVerifiedStore(options: VerifiedStoreOptions): VerifiedStore {
  const { storages, fetchBytes, clock, onFallback } = options
  const fetchFromSources = createSourceFetcher({ fetchBytes, clock })
  /** Verified in this session, and where. */
  const verified = new Map<string, ArtifactStorage>()
  let firstTier = 0
  let kept: ReadonlySet<string> = new Set()

  async function findStored(file: FileRef, { onVerifying }: ObtainOptions): Promise<boolean> {
    for (const storage of storages) {
      if ((await storage.has(file.sha256)) === null) continue
      onVerifying?.()
      if ((await storage.has(file.sha256)) === file.sizeBytes && (await digestOf(storage, file)) === file.sha256) {
        verified.set(file.sha256, storage)
        return true
      }
      // Bytes rotted or were changed on disk: fetch them anew.
      await storage.remove(file.sha256)
    }
    return false
  }

  /** Verified in this session, and not taken away since: a browser may drop a site's data, and so may its user. */
  async function isStillThere(file: FileRef): Promise<boolean> {
    const storage = verified.get(file.sha256)
    if (storage === undefined) return false
    if ((await storage.has(file.sha256)) === file.sizeBytes) return true
    verified.delete(file.sha256)
    return false
  }

  /** Removes files of other models; false where there are none. A file that another tab is writing stays. */
  async function makeRoom(storage: ArtifactStorage, wanted: string): Promise<boolean> {
    let hasRoom = false
    for (const sha256 of await storage.list()) {
      if (kept.has(sha256) || verified.has(sha256) || sha256 === wanted) continue
      try {
        await storage.remove(sha256)
        hasRoom = true
      } catch {
        // In use.
      }
    }
    return hasRoom
  }

  return {
    async obtain(file, obtain) {
      if ((await isStillThere(file)) || (await findStored(file, obtain))) {
        obtain.onProgress?.(file.sizeBytes)
        return { isCached: true }
      }
      for (;;) {
        const storage = storages[firstTier]!
        try {
          const { sources, signal, onProgress = () => {} } = obtain
          await fetchFromSources({ file, storage, sources, signal, onProgress })
          verified.set(file.sha256, storage)
          return { isCached: false }
        } catch (thrown) {
          const isFull = thrown instanceof ComputePoolError && thrown.code === 'artifact_quota_exceeded'
          if (!isFull) throw thrown
          if (await makeRoom(storage, file.sha256)) continue
          if (firstTier === storages.length - 1) throw thrown
          await storage.remove(file.sha256)
          if (storages[firstTier] === storage) {
            firstTier += 1
            onFallback?.(thrown)
          }
        }
      }
    },
    keep(sha256s) {
      kept = new Set(sha256s)
    },
    async open(file) {
      const storage = verified.get(file.sha256)
      if (storage === undefined)
        throw new ComputePoolError('bug_unreachable_state', `${file.path} was opened before it was verified.`)
      return storage.open(file.sha256)
    },
  }
}

async function digestOf(storage: ArtifactStorage, file: FileRef): Promise<string> {
  const reader = await storage.open(file.sha256)
  try {
    if (file.sizeBytes <= nativeHashBytes) {
      const bytes = await reader.read(0, file.sizeBytes)
      return bytesToHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)))
    }
    const hash = sha256.create()
    for (let offset = 0; offset < file.sizeBytes; offset += readBytes) hash.update(await reader.read(offset, readBytes))
    return bytesToHex(hash.digest())
  } finally {
    await reader.close()
  }
}
