/**
 * Artifacts in a folder: `<digest>.part` while it is written, `<digest>.data` once its digest was checked, renamed in one step. It
 * fetches and hashes nothing; what is on the disk from an earlier day is hashed again by the verified store.
 */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import type { ArtifactStorage, PartialArtifact, PartReader } from '@computepool/shared/ports'
import { onDisk } from '../pack/disk-errors.ts'
import { isLocked, takeLock, type WriterLock } from './writer-lock.ts'

/** Makes the folder where it is missing. Errors: `input_invalid` where it may not be written, `artifact_quota_exceeded`. */
export async function openDiskStorage(folder: string): Promise<ArtifactStorage> {
  await onDisk(folder, () => mkdir(folder, { recursive: true }))
  const pathOf = (sha256: string, ending: 'data' | 'part' | 'lock'): string => {
    if (!/^[0-9a-f]{64}$/.test(sha256))
      throw new ComputePoolError('bug_unreachable_state', `"${sha256.slice(0, 80)}" is no digest.`)
    return join(folder, `${sha256}.${ending}`)
  }

  return {
    kind: 'disk',
    isResumable: true,
    has: sha256 => sizeOf(pathOf(sha256, 'data')),
    open: sha256 => openReader(pathOf(sha256, 'data')),
    async partial(sha256, signal) {
      const lock = await takeLock(pathOf(sha256, 'lock'), signal)
      try {
        return await openPartial({ data: pathOf(sha256, 'data'), part: pathOf(sha256, 'part'), lock })
      } catch (thrown) {
        await lock.release()
        throw thrown
      }
    },
    async list() {
      const names = await onDisk(folder, () => readdir(folder))
      return [...new Set(names.flatMap(name => /^([0-9a-f]{64})\.(?:data|part)$/.exec(name)?.[1] ?? []))]
    },
    async remove(sha256) {
      if (await isLocked(pathOf(sha256, 'lock')))
        throw new ComputePoolError('artifact_fetch_failed', `${sha256} is being written.`, {
          remedy: 'Wait until it is written.',
        })
      await onDisk(folder, async () => {
        await rm(pathOf(sha256, 'data'), { force: true })
        await rm(pathOf(sha256, 'part'), { force: true })
      })
    },
  }
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size
  } catch {
    return null
  }
}

async function openReader(path: string): Promise<PartReader> {
  const file = await onDisk(path, () => open(path, 'r'))
  const { size } = await file.stat()
  return {
    sizeBytes: size,
    read: (offset, length) => readSpan(file, path, offset, Math.min(length, size - offset)),
    close: () => file.close(),
  }
}

async function readSpan(file: FileHandle, path: string, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.max(0, length))
  let done = 0
  while (done < bytes.length) {
    const { bytesRead } = await onDisk(path, () => file.read(bytes, done, bytes.length - done, offset + done))
    if (bytesRead === 0)
      throw new ComputePoolError('artifact_fetch_failed', `"${path}" ends at byte ${offset + done}.`, {
        remedy: 'Start again: the file is fetched anew.',
      })
    done += bytesRead
  }
  return bytes
}

interface PartialPaths {
  readonly data: string
  readonly part: string
  readonly lock: WriterLock
}

async function openPartial({ data, part, lock }: PartialPaths): Promise<PartialArtifact> {
  // A committed file stays readable by others until somebody changes it.
  let isCommitted = (await sizeOf(data)) !== null
  let file = await onDisk(part, () => (isCommitted ? open(data, 'r') : openToWrite(part)))
  let sizeBytes = (await file.stat()).size

  async function reopenToWrite(): Promise<void> {
    if (!isCommitted) return
    await file.close()
    await rename(data, part)
    isCommitted = false
    file = await openToWrite(part)
  }
  async function end(): Promise<void> {
    await file.close().catch(() => {})
    await lock.release()
  }
  return {
    get sizeBytes() {
      return sizeBytes
    },
    append: bytes =>
      onDisk(part, async () => {
        await reopenToWrite()
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await file.write(bytes, done, bytes.length - done, sizeBytes)
          done += bytesWritten
          sizeBytes += bytesWritten
        }
      }),
    read: (offset, length) => readSpan(file, part, offset, Math.min(length, sizeBytes - offset)),
    clear: () =>
      onDisk(part, async () => {
        // Not cut to nothing in place: a reader of the committed file keeps its bytes.
        await reopenToWrite()
        await file.close()
        await rm(part, { force: true })
        file = await openToWrite(part)
        sizeBytes = 0
      }),
    async commit() {
      try {
        await onDisk(part, async () => {
          if (isCommitted) return
          // The bytes are on the disk before the name says so.
          await file.sync()
          await rename(part, data)
        })
      } finally {
        await end()
      }
    },
    close: end,
  }
}

/** For reading and writing at any place, made where it is missing, what is there is kept. */
async function openToWrite(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown
    return open(path, 'wx+')
  }
}
