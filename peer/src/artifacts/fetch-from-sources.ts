/**
 * One file from whichever source gives it: what one began, the next goes on with; one that gave wrong bytes is asked once more past all
 * caches, then the next gives the file from its first byte. It knows no storage's limits.
 */
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import type { FileRef } from '@computepool/shared/model'
import type { ArtifactStorage, Clock } from '@computepool/shared/ports'
import { type ArtifactSource, type ArtifactSources, hostOf } from './artifact-sources.ts'
import { type FetchBytes, fetchArtifact } from './fetch-artifact.ts'

/** Fruitless attempts at the last source, and at one after which there is another. */
const lastPatience = 5
const patience = 2
/** In 30 s, of one after which there is another. */
const leastBytes = 16 << 10

export interface SourceFetch {
  readonly file: FileRef
  readonly storage: ArtifactStorage
  readonly sources: ArtifactSources
  readonly signal: AbortSignal
  readonly onProgress: (doneBytes: number) => void
}

/**
 * Remembers who failed, and asks them last. Errors of the function, once no source is left: `artifact_digest_mismatch` where any gave
 * wrong bytes, else `artifact_fetch_failed`; at once `artifact_quota_exceeded` and the signal's reason.
 */
export function createSourceFetcher({ fetchBytes, clock }: { fetchBytes: FetchBytes; clock: Clock }) {
  const failing = new Set<string>()

  async function fetchFrom(source: ArtifactSource, asked: SourceFetch, isLast: boolean): Promise<void> {
    const pace = isLast ? { patience: lastPatience, leastBytes: 1 } : { patience, leastBytes }
    const request = { ...asked, source, clock, ...pace }
    try {
      await fetchArtifact({ ...request, fetchBytes })
    } catch (thrown) {
      if (!isCode(thrown, 'artifact_digest_mismatch')) throw thrown
      // A resumed file may have joined two versions or two sources, and a proxy may have cut one: once more from the first byte.
      await fetchArtifact({ ...request, fetchBytes: (url, init) => fetchBytes(url, { ...init, cache: 'reload' }) })
    }
  }

  return async (asked: SourceFetch): Promise<void> => {
    const isFailing = (source: ArtifactSource): boolean => failing.has(hostOf(source))
    const ordered = [...asked.sources.filter(source => !isFailing(source)), ...asked.sources.filter(isFailing)]
    let worst: ComputePoolError | null = null
    for (const [index, source] of ordered.entries()) {
      try {
        await fetchFrom(source, asked, index === ordered.length - 1)
        failing.delete(hostOf(source))
        return
      } catch (thrown) {
        asked.signal.throwIfAborted()
        const error = asComputePoolError(thrown, 'artifact_fetch_failed')
        if (error.code !== 'artifact_fetch_failed' && error.code !== 'artifact_digest_mismatch') throw error
        failing.add(hostOf(source))
        if (worst?.code !== 'artifact_digest_mismatch') worst = error
      }
    }
    throw worst
  }
}

const isCode = (thrown: unknown, code: string): boolean => thrown instanceof ComputePoolError && thrown.code === code
