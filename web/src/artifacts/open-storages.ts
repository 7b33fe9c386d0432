/** Which storages this tab has, best first: disk where the browser grants it, memory always last. */

import { createMemoryStorage } from '@computepool/peer/artifacts/memory-storage.ts'
import type { ArtifactStorage } from '@computepool/shared/ports'
import { openCacheStorage } from './cache-storage.ts'
import { openOpfsStorage } from './opfs-storage.ts'

/** For a dedicated worker: elsewhere OPFS is passed over. */
export async function openStorages(): Promise<readonly [ArtifactStorage, ...ArtifactStorage[]]> {
  const disk = (await openOpfsStorage()) ?? (await openCacheStorage())
  const memory = createMemoryStorage()
  return disk === null ? [memory] : [disk, memory]
}
