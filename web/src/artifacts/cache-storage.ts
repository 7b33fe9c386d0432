/** Artifacts in Cache Storage, where OPFS has no synchronous handles: whole files only, so an unfinished download starts again. */

import { createMemoryStorage } from '@computepool/peer/artifacts/memory-storage.ts'
import { ComputePoolError } from '@computepool/shared/errors'
import type { ArtifactStorage } from '@computepool/shared/ports'

const cacheName = 'computepool-artifacts'

/** Null where the browser has no Cache Storage (an insecure origin). */
export async function openCacheStorage(): Promise<ArtifactStorage | null> {
  if (typeof caches === 'undefined') return null
  let cache: Cache
  try {
    cache = await caches.open(cacheName)
  } catch {
    return null
  }
  const keyOf = (sha256: string): string => `/.computepool/artifacts/${sha256}`
  const unfinished = createMemoryStorage()
  const blobOf = async (sha256: string): Promise<Blob | null> => (await cache.match(keyOf(sha256)))?.blob() ?? null

  return {
    kind: 'cache',
    isResumable: false,
    has: async sha256 => (await blobOf(sha256))?.size ?? null,
    async open(sha256) {
      const blob = await blobOf(sha256)
      if (blob === null) throw new ComputePoolError('artifact_fetch_failed', `${sha256} is not stored.`)
      return {
        sizeBytes: blob.size,
        read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
        close: async () => {},
      }
    },
    async partial(sha256, signal) {
      const partial = await unfinished.partial(sha256, signal)
      const stored = partial.sizeBytes === 0 ? await blobOf(sha256) : null
      if (stored !== null) await partial.append(new Uint8Array(await stored.arrayBuffer()))
      return {
        get sizeBytes() {
          return partial.sizeBytes
        },
        async append(bytes) {
          await cache.delete(keyOf(sha256))
          await partial.append(bytes)
        },
        read: (offset, length) => partial.read(offset, length),
        async clear() {
          await cache.delete(keyOf(sha256))
          await partial.clear()
        },
        close: () => partial.close(),
        async commit() {
          const bytes = await partial.read(0, partial.sizeBytes)
          try {
            await cache.put(keyOf(sha256), new Response(new Blob([bytes as Uint8Array<ArrayBuffer>])))
            await unfinished.remove(sha256)
            await partial.close()
          } catch (cause) {
            throw new ComputePoolError('artifact_quota_exceeded', 'The browser grants this site no more disk space.', {
              remedy: 'Free disk space, or remove data of other sites in the browser’s settings.',
              cause,
            })
          }
        },
      }
    },
    async list() {
      const stored = (await cache.keys()).map(request => request.url.split('/').at(-1)!)
      return [...new Set([...stored, ...(await unfinished.list())])]
    },
    async remove(sha256) {
      await cache.delete(keyOf(sha256))
      await unfinished.remove(sha256)
    },
  }
}
