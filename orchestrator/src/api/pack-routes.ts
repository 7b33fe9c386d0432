/**
 * Pack files for the tabs: only files that the manifest names, so no path can climb out; ranges, so that a download resumes; digests
 * as ETags. Under `/packs/<model>@<digest>/` a file never changes and may be kept for ever; only where else the pack is may change.
 */
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { ComputePoolError } from '@computepool/shared/errors'
import { placesName } from '@computepool/shared/model'
import { Hono } from 'hono'
import type { PackFile, PackFolder } from '../store/pack-folder.ts'
import { decodePath } from './decode-path.ts'

const pinOf = (pack: PackFolder): string => pack.manifestSha256.slice(0, 16)

/** Where tabs find the pack: same-origin, pinned to its digest, ends with a slash. */
export const packUrlOf = (pack: PackFolder): string => `/packs/${pack.manifest.model}@${pinOf(pack)}/`

export function packRoutes(pack: PackFolder): Hono {
  const routes = new Hono()
  const pinned = packUrlOf(pack)
  const plain = `/packs/${pack.manifest.model}/`
  routes.get('/*', async c => {
    const path = decodePath(c.req.url)
    const folder = [pinned, plain].find(prefix => path.startsWith(prefix))
    const name = folder === undefined ? undefined : path.slice(folder.length)
    if (name === placesName) {
      const places = await pack.places()
      c.header('cache-control', 'no-cache')
      // No 404: most packs are nowhere else, and a page's console would call that an error.
      return places === null ? c.body(null, 204) : c.json(places)
    }
    const file = name === undefined ? undefined : pack.files.get(name)
    if (file === undefined) {
      throw new ComputePoolError('input_not_found', `There is no pack file at "${path.slice(0, 200)}".`, {
        remedy: `The pack's manifest is at ${plain}manifest.json.`,
      })
    }
    return fileResponse(file, c.req.raw, folder === pinned)
  })
  return routes
}

function fileResponse(file: PackFile, request: Request, isPinned: boolean): Response {
  const etag = `"${file.sha256}"`
  const headers = new Headers({
    etag,
    'accept-ranges': 'bytes',
    'cache-control': isPinned ? 'public, max-age=31536000, immutable' : 'no-cache',
    'content-type': file.path.endsWith('.json') ? 'application/json' : 'application/octet-stream',
  })
  if (request.headers.get('if-none-match')?.includes(etag)) return new Response(null, { status: 304, headers })
  const ifRange = request.headers.get('if-range')
  const range =
    ifRange === null || ifRange === etag ? parseRange(request.headers.get('range'), file.sizeBytes) : 'whole'
  if (range === 'unsatisfiable') {
    headers.set('content-range', `bytes */${file.sizeBytes}`)
    return new Response(null, { status: 416, headers })
  }
  const [start, end] = range === 'whole' ? [0, file.sizeBytes] : range
  headers.set('content-length', String(end - start))
  if (range !== 'whole') headers.set('content-range', `bytes ${start}-${end - 1}/${file.sizeBytes}`)
  const body = request.method === 'HEAD' ? null : read(file.diskPath, start, end)
  return new Response(body, { status: range === 'whole' ? 200 : 206, headers })
}

const read = (path: string, start: number, end: number): ReadableStream<Uint8Array> =>
  Readable.toWeb(createReadStream(path, { start, end: end - 1, highWaterMark: 1 << 18 })) as ReadableStream<Uint8Array>

/** Half-open span of a `Range` header. Several ranges, or a unit other than bytes, are answered with the whole (RFC 9110, 14.2). */
export function parseRange(
  header: string | null,
  sizeBytes: number,
): readonly [number, number] | 'whole' | 'unsatisfiable' {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  if (match === null) return 'whole'
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return 'whole'
  if (from === '') return Number(to) === 0 ? 'unsatisfiable' : [Math.max(0, sizeBytes - Number(to)), sizeBytes]
  const start = Number(from)
  const end = to === '' ? sizeBytes : Math.min(sizeBytes, Number(to) + 1)
  if (to !== '' && Number(to) < start) return 'whole'
  return start >= sizeBytes ? 'unsatisfiable' : [start, end]
}
