/**
 * Artifacts in the origin private file system. Written through a synchronous access handle (dedicated workers only), one writer an
 * origin by Web Lock; read through `getFile`, which takes no lock, so that two operator tabs of one browser share a part.
 */
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import type { ArtifactStorage, PartialArtifact } from '@computepool/shared/ports'

const folderName = 'computepool-artifacts'

/** Null where the browser has no OPFS, or none with synchronous handles (main thread, private windows). */
export async function openOpfsStorage(): Promise<ArtifactStorage | null> {
  try {
    const root = await navigator.storage.getDirectory()
    const folder = await root.getDirectoryHandle(folderName, { create: true })
    const probeName = `probe-${Math.floor(performance.now() * 1000)}`
    const probe = await folder.getFileHandle(probeName, { create: true })
    const handle = await whileHeld(probe, held => held.createSyncAccessHandle())
    handle.close()
    await folder.removeEntry(probeName)
    return opfsStorage(folder)
  } catch {
    return null
  }
}

function opfsStorage(folder: FileSystemDirectoryHandle): ArtifactStorage {
  const dataName = (sha256: string): string => `${sha256}.data`
  /** Holds the size at commit: a file that lost bytes since is not taken for whole. */
  const markerName = (sha256: string): string => `${sha256}.verified`

  async function fileOf(name: string): Promise<File | null> {
    try {
      return await whileHeld(await folder.getFileHandle(name), handle => handle.getFile())
    } catch (thrown) {
      if (isNamed(thrown, 'NotFoundError')) return null
      throw failed(thrown)
    }
  }
  async function drop(name: string): Promise<void> {
    try {
      await folder.removeEntry(name)
    } catch (thrown) {
      if (!isNamed(thrown, 'NotFoundError')) throw failed(thrown)
    }
  }

  const storage: ArtifactStorage = {
    kind: 'opfs',
    isResumable: true,
    async has(sha256) {
      const marker = await fileOf(markerName(sha256))
      if (marker === null) return null
      const data = await fileOf(dataName(sha256))
      return data !== null && Number(await marker.text()) === data.size ? data.size : null
    },
    async open(sha256) {
      const file = await fileOf(dataName(sha256))
      if (file === null) throw new ComputePoolError('artifact_fetch_failed', `${sha256} is not stored.`)
      return {
        sizeBytes: file.size,
        read: async (offset, length) => {
          try {
            return new Uint8Array(await file.slice(offset, offset + length).arrayBuffer())
          } catch (thrown) {
            throw failed(thrown)
          }
        },
        close: async () => {},
      }
    },
    async partial(sha256, signal) {
      const release = await lockName(`computepool-artifact-${sha256}`, signal)
      try {
        const file = await folder.getFileHandle(dataName(sha256), { create: true })
        const handle = await whileHeld(file, held => held.createSyncAccessHandle())
        const unmark = (): Promise<void> => drop(markerName(sha256))
        return partialFile(handle, {
          release,
          unmark,
          mark: async sizeBytes => {
            const marker = await folder.getFileHandle(markerName(sha256), { create: true })
            const text = await whileHeld(marker, held => held.createSyncAccessHandle())
            text.truncate(0)
            text.write(new TextEncoder().encode(String(sizeBytes)), { at: 0 })
            text.flush()
            text.close()
          },
        })
      } catch (thrown) {
        release()
        throw failed(thrown)
      }
    },
    async list() {
      const found: string[] = []
      for await (const name of folder.keys()) if (name.endsWith('.data')) found.push(name.slice(0, -'.data'.length))
      return found
    },
    async remove(sha256) {
      await drop(markerName(sha256))
      await drop(dataName(sha256))
    },
  }
  return storage
}

const heldHandles = new Set<FileSystemHandle>()

/**
 * Keeps `handle` reachable until `use` settles. A handle that nothing else refers to may be collected while its call is under way, and
 * then the promise never settles (seen in Chromium 156: about one join in three stood still once the minifier had removed the variable).
 */
async function whileHeld<H extends FileSystemHandle, T>(handle: H, use: (handle: H) => Promise<T>): Promise<T> {
  heldHandles.add(handle)
  try {
    return await use(handle)
  } finally {
    heldHandles.delete(handle)
  }
}

interface Bookkeeping {
  readonly release: () => void
  readonly mark: (sizeBytes: number) => Promise<void>
  readonly unmark: () => Promise<void>
}

function partialFile(handle: FileSystemSyncAccessHandle, { release, mark, unmark }: Bookkeeping): PartialArtifact {
  let sizeBytes = handle.getSize()
  let isClosed = false
  function close(): void {
    if (isClosed) return
    isClosed = true
    handle.flush()
    handle.close()
  }
  return {
    get sizeBytes() {
      return sizeBytes
    },
    async append(bytes) {
      let written = 0
      try {
        // A write may stop short where the disk is nearly full.
        while (written < bytes.length) {
          const count = handle.write(bytes.subarray(written) as Uint8Array<ArrayBuffer>, { at: sizeBytes + written })
          // Chromium does not throw on a full disk: it returns its error -8 as 4294967288 (seen in 156).
          if (!(count > 0 && count <= bytes.length - written))
            throw new DOMException(`Writing ${bytes.length - written} bytes returned ${count}`, 'QuotaExceededError')
          written += count
        }
      } catch (thrown) {
        // All of it or nothing, so that the caller's hash and the file agree.
        handle.truncate(sizeBytes)
        throw failed(thrown)
      }
      sizeBytes += written
    },
    async read(offset, length) {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, sizeBytes - offset)))
      handle.read(bytes, { at: offset })
      return bytes
    },
    async clear() {
      // Bytes that replace committed ones are not verified, though they may be as many.
      await unmark()
      handle.truncate(0)
      sizeBytes = 0
    },
    async commit() {
      close()
      await mark(sizeBytes)
      release()
    },
    async close() {
      close()
      release()
    },
  }
}

/** Resolves to the lock's release once it is held. */
function lockName(name: string, signal?: AbortSignal): Promise<() => void> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(name, signal === undefined ? {} : { signal }, () => new Promise<void>(release => resolve(release)))
      .catch(reject)
  })
}

function isNamed(thrown: unknown, name: string): boolean {
  return thrown instanceof Error && thrown.name === name
}

function failed(thrown: unknown): ComputePoolError {
  if (isNamed(thrown, 'QuotaExceededError'))
    return new ComputePoolError('artifact_quota_exceeded', 'The browser grants this site no more disk space.', {
      remedy: 'Free disk space, or remove data of other sites in the browser’s settings.',
      cause: thrown,
    })
  return asComputePoolError(thrown, 'artifact_fetch_failed')
}
