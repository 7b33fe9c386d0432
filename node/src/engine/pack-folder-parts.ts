/** Parts of a pack on disk: a part's digest is verified when it is opened, before a byte of it is given out. */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import type { PackPart } from '@computepool/shared/model'
import type { PartReader, PartSource } from '@computepool/shared/ports'

/** Errors: `artifact_fetch_failed` for a part that is not there, `artifact_digest_mismatch` for one with other bytes. */
export function packFolderParts(folder: string): PartSource {
  return {
    async open(part): Promise<PartReader> {
      const file = await open(join(folder, part.path)).catch(cause => {
        throw unreadable(part, String(cause), cause)
      })
      try {
        await verify(file, part)
      } catch (thrown) {
        await file.close()
        throw thrown
      }
      return {
        sizeBytes: part.sizeBytes,
        async read(offset, length) {
          const bytes = new Uint8Array(length)
          const { bytesRead } = await file.read(bytes, 0, length, offset)
          if (bytesRead !== length) throw unreadable(part, `${bytesRead} bytes came, not ${length}`)
          return bytes
        },
        close: () => file.close(),
      }
    },
  }
}

async function verify(file: FileHandle, part: PackPart): Promise<void> {
  const hash = createHash('sha256')
  for await (const chunk of file.createReadStream({ start: 0, autoClose: false })) hash.update(chunk as Uint8Array)
  const digest = hash.digest('hex')
  if (digest !== part.sha256)
    throw new ComputePoolError('artifact_digest_mismatch', `${part.path} has digest ${digest}, not ${part.sha256}.`, {
      remedy: 'Pack the model again.',
    })
}

function unreadable(part: PackPart, why: string, cause?: unknown): ComputePoolError {
  return new ComputePoolError('artifact_fetch_failed', `${part.path} of the pack cannot be read: ${why}`, {
    remedy: 'Pack the model again.',
    cause,
  })
}
