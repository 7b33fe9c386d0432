/** A checkpoint on this machine's disk. */
import { open, readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import type { ByteSource, SourceFolder } from './byte-source.ts'
import { onDisk } from './disk-errors.ts'

/** The folder at `path`. Errors: `input_not_found`, `input_invalid` (permissions). */
export async function openLocalFolder(path: string): Promise<SourceFolder> {
  const root = resolve(path)
  const files = await onDisk(path, () => readdir(root))
  const name = basename(root)
  return {
    label: name,
    modelName: name,
    licence: null,
    files,
    isPinned: false,
    open: async file => (files.includes(file) ? openLocalFile(join(root, file), file) : null),
  }
}

async function openLocalFile(path: string, name: string): Promise<ByteSource> {
  return onDisk(path, async () => {
    const { size, mtimeMs } = await stat(path)
    const handle = await open(path, 'r')
    return {
      name,
      sizeBytes: size,
      identity: `${size}:${mtimeMs}`,
      read: async (offset, length, signal) => {
        signal.throwIfAborted()
        const bytes = new Uint8Array(length)
        const { bytesRead } = await onDisk(path, () => handle.read(bytes, 0, length, offset))
        if (bytesRead === length) return bytes
        throw new ComputePoolError(
          'artifact_invalid',
          `"${name}" ends at byte ${offset + bytesRead}, ${length - bytesRead} bytes too early.`,
          {
            remedy: 'Fetch the checkpoint again.',
          },
        )
      },
      close: () => handle.close(),
    }
  })
}
