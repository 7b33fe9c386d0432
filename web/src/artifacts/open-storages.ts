/** Which storages this tab has, best first: disk where the browser grants it, memory always last. */
import type { ArtifactStorage } from '@computepool/shared/ports'
import { openCacheStorage } from './cache-storage.ts'
import { createMemoryStorage } from './memory-storage.ts'
import { openOpfsStorage } from './opfs-storage.ts'

/** Asks the browser to keep what is stored; a refusal changes nothing but how long it stays. */
export async function openStorages(): Promise<readonly [ArtifactStorage, ...ArtifactStorage[]]> {
  try {
    await navigator.storage.persist()
  } catch {
    // Asking is a courtesy: some browsers only answer it on the main thread.
  }
  const disk = (await openOpfsStorage()) ?? (await openCacheStorage())
  const memory = createMemoryStorage()
  return disk === null ? [memory] : [disk, memory]
}
