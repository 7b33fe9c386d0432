/** A checkpoint behind plain HTTP: files under one base URL, which lists nothing. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { ByteSource, SourceFolder } from './byte-source.ts'
import { fetchSpan, type HttpAccess, type HttpReply, shownUrl } from './http-reader.ts'

/** The request that asks whether a file is there brings its beginning: all of a small file, and most headers. */
export const FIRST_BYTES = 64 * 1024
/** A server without ranges may send files up to this size whole: the largest tokenizers are about 30 MB. */
const MAX_WHOLE_BYTES = 64 * 1024 * 1024

/** The folder at `url` (with or without a closing slash). */
export function httpFolder(url: string, access: HttpAccess): SourceFolder {
  const base = new URL(url.endsWith('/') ? url : `${url}/`)
  const shown = shownUrl(base.href)
  return {
    label: shown,
    modelName: base.pathname.split('/').filter(Boolean).at(-1) ?? base.hostname,
    licence: null,
    files: null,
    isPinned: false,
    open: (path, signal) => {
      const file = new URL(path.split('/').map(encodeURIComponent).join('/'), base)
      // Signed folders carry their permission in the query.
      file.search = base.search
      return openHttpFile(file.href, path, access, signal)
    },
  }
}

/** The file at `url`, or null for 404. Errors: `artifact_fetch_failed`. */
export async function openHttpFile(
  url: string,
  name: string,
  access: HttpAccess,
  signal: AbortSignal,
): Promise<ByteSource | null> {
  const first = await fetchSpan(url, 0, FIRST_BYTES, access, signal, MAX_WHOLE_BYTES)
  if (!first) return null
  // The hub answers with a redirect to a signed address: asking there directly saves a round trip a block, until it expires.
  let direct: string | null = first.url !== url && first.url !== '' ? first.url : null
  const fetchRange = async (offset: number, length: number, within: AbortSignal): Promise<HttpReply | null> => {
    if (direct !== null) {
      try {
        const reply = await fetchSpan(direct, offset, length, access, within)
        if (reply) return reply
      } catch (thrown) {
        if (!(thrown instanceof ComputePoolError) || thrown.context.status === undefined) throw thrown
      }
      direct = null
    }
    const reply = await fetchSpan(url, offset, length, access, within)
    if (reply && reply.url !== url && reply.url !== '') direct = reply.url
    return reply
  }
  return {
    name,
    sizeBytes: first.totalBytes,
    identity: `${first.totalBytes}:${first.etag ?? ''}`,
    read: async (offset, length, within) => {
      if (offset + length <= first.bytes.length) return first.bytes.slice(offset, offset + length)
      const reply = await fetchRange(offset, length, within)
      if (reply?.bytes.length === length && reply.totalBytes === first.totalBytes) return reply.bytes
      throw new ComputePoolError('artifact_fetch_failed', `"${name}" changed while it was being read.`, {
        remedy: 'Run the same command again.',
      })
    },
    close: async () => {},
  }
}
