/** Artifacts in memory: the last resort where the browser grants no disk, and the storage port's fake. A limit plays a full disk. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { ArtifactStorage } from '@computepool/shared/ports'

interface Held {
  chunks: Uint8Array[]
  sizeBytes: number
  isCommitted: boolean
}

/** Keeps at most `limitBytes`, partial files included. */
export function createMemoryStorage(limitBytes = Number.POSITIVE_INFINITY): ArtifactStorage {
  const files = new Map<string, Held>()
  const writers = new Map<string, Promise<void>>()
  const total = (): number => [...files.values()].reduce((sum, file) => sum + file.sizeBytes, 0)

  return {
    kind: 'memory',
    isResumable: false,
    has: async sha256 => {
      const file = files.get(sha256)
      return file?.isCommitted ? file.sizeBytes : null
    },
    async open(sha256) {
      const file = files.get(sha256)
      if (!file?.isCommitted) throw new ComputePoolError('artifact_fetch_failed', `${sha256} is not stored.`)
      return {
        sizeBytes: file.sizeBytes,
        read: async (offset, length) => slice(file, offset, length),
        close: async () => {},
      }
    },
    async partial(sha256, signal) {
      for (let busy = writers.get(sha256); busy !== undefined; busy = writers.get(sha256)) await busy
      signal?.throwIfAborted()
      let release = (): void => {}
      writers.set(
        sha256,
        new Promise(resolve => {
          release = () => {
            writers.delete(sha256)
            release = () => {}
            resolve()
          }
        }),
      )
      const found = files.get(sha256)
      const file: Held = found ?? { chunks: [], sizeBytes: 0, isCommitted: false }
      files.set(sha256, file)
      return {
        get sizeBytes() {
          return file.sizeBytes
        },
        async append(bytes) {
          if (total() + bytes.length > limitBytes)
            throw new ComputePoolError(
              'artifact_quota_exceeded',
              `${total() + bytes.length} bytes do not fit in ${limitBytes} bytes of memory.`,
              { remedy: 'Offer less memory, so that this tab gets fewer layers.', context: { limitBytes } },
            )
          file.isCommitted = false
          file.chunks.push(bytes.slice())
          file.sizeBytes += bytes.length
        },
        read: async (offset, length) => slice(file, offset, length),
        async clear() {
          file.isCommitted = false
          file.chunks = []
          file.sizeBytes = 0
        },
        async commit() {
          file.chunks = [slice(file, 0, file.sizeBytes)]
          file.isCommitted = true
          release()
        },
        async close() {
          release()
        },
      }
    },
    list: async () => [...files.keys()],
    async remove(sha256) {
      files.delete(sha256)
    },
  }
}

function slice(file: Held, offset: number, length: number): Uint8Array {
  const end = Math.min(file.sizeBytes, offset + length)
  const only = file.chunks.length === 1 ? file.chunks[0] : undefined
  if (only !== undefined) return only.subarray(offset, end)
  const out = new Uint8Array(Math.max(0, end - offset))
  let at = 0
  for (const chunk of file.chunks) {
    const from = Math.max(0, offset - at)
    const to = Math.min(chunk.length, end - at)
    if (from < to) out.set(chunk.subarray(from, to), at + from - offset)
    at += chunk.length
  }
  return out
}
