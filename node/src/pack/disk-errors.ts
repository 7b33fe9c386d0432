/** Names what a disk refused, so that a full disk and a forbidden folder say what to do instead of a bare errno. */
import { ComputePoolError } from '@computepool/shared/errors'

/** `thrown` as a typed error about `path`; anything that is no disk error passes unchanged. */
export function asDiskError(thrown: unknown, path: string): unknown {
  const code = (thrown as NodeJS.ErrnoException | null)?.code
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new ComputePoolError(
        'artifact_quota_exceeded',
        `The disk is full: "${path}" could not be written (${code}).`,
        {
          remedy: 'Free some space and run the same command again; parts that are finished are kept.',
          cause: thrown,
        },
      )
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new ComputePoolError('input_invalid', `"${path}" may not be read or written (${code}).`, {
        remedy: 'Choose another folder, or change its permissions.',
        cause: thrown,
      })
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EISDIR':
    case 'EEXIST':
      return new ComputePoolError('input_not_found', `"${path}" is not there, or not what was expected (${code}).`, {
        remedy: 'Check the path.',
        cause: thrown,
      })
    default:
      return thrown
  }
}

/** Runs disk work on `path`, turning its refusals into typed errors. */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    throw asDiskError(thrown, path)
  }
}
