/**
 * A stand-in for a model hub on this machine: listing, pinned files by range, redirects to a second origin, and the faults of a network, in the
 * shapes that the Hugging Face hub shows. It keeps a record of what it was asked.
 */
import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

export interface HubRequest {
  readonly path: string
  readonly origin: 'hub' | 'cdn'
  /** Null where the whole file was asked for. */
  readonly range: readonly [number, number] | null
  readonly authorization: string | null
}

/** What goes wrong with a request: an HTTP status, a reply cut off in the middle, or none at all. */
export type HubFault = number | 'cut' | 'hang'

export interface LocalHubOptions {
  /** Repositories by id, each a folder of this disk. */
  readonly repos: Readonly<Record<string, string>>
  /** Asked before each reply. */
  readonly fault?: (request: HubRequest) => HubFault | null
  /** True: the server knows no ranges and sends files whole. */
  readonly ignoresRanges?: boolean
  readonly licence?: string
}

export interface LocalHub {
  readonly url: string
  /** Base of the plain-HTTP view of the same folders: `${filesUrl}/owner/name/config.json`. */
  readonly filesUrl: string
  readonly requests: HubRequest[]
  close(): Promise<void>
}

export const LOCAL_HUB_COMMIT = `${'c0ffee'.repeat(6)}c0ff`

export async function startLocalHub(options: LocalHubOptions): Promise<LocalHub> {
  const requests: HubRequest[] = []
  let cdnUrl = ''
  const handle = (origin: HubRequest['origin']) => async (message: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(message.url ?? '/', 'http://localhost')
    const match = /^bytes=(\d+)-(\d+)$/.exec(message.headers.range ?? '')
    const request: HubRequest = {
      path: decodeURIComponent(pathname),
      origin,
      range: match ? [Number(match[1]), Number(match[2])] : null,
      authorization: message.headers.authorization ?? null,
    }
    requests.push(request)
    const fault = options.fault?.(request) ?? null
    if (typeof fault === 'number') return response.writeHead(fault).end()
    if (fault === 'hang') return
    await answer(options, request, response, cdnUrl, fault === 'cut')
  }
  const [hub, cdn] = await Promise.all([listen(handle('hub')), listen(handle('cdn'))])
  cdnUrl = urlOf(cdn)
  return {
    url: urlOf(hub),
    filesUrl: `${urlOf(hub)}/files`,
    requests,
    close: async () => {
      for (const server of [hub, cdn]) {
        server.closeAllConnections()
        await new Promise(resolve => server.close(resolve))
      }
    },
  }
}

async function answer(
  options: LocalHubOptions,
  request: HubRequest,
  response: ServerResponse,
  cdnUrl: string,
  isCut: boolean,
): Promise<void> {
  const listing = /^\/api\/models\/(.+)\/revision\/([^/]+)$/.exec(request.path)
  if (listing) {
    const folder = options.repos[listing[1]!]
    if (!folder) return void response.writeHead(404).end()
    const files = await readdir(folder)
    const body = {
      id: listing[1],
      sha: LOCAL_HUB_COMMIT,
      siblings: files.map(rfilename => ({ rfilename })),
      cardData: options.licence === undefined ? null : { license: options.licence },
    }
    return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const resolved = /^\/(.+)\/resolve\/([^/]+)\/(.+)$/.exec(request.path)
  if (resolved && request.origin === 'hub') {
    const [, repo, revision, file] = resolved
    if (!existsFile(options, repo!, file!) || revision !== LOCAL_HUB_COMMIT) return void response.writeHead(404).end()
    // Large files live with a CDN, small ones behind a relative redirect, as on the real hub.
    const isLarge = /\.(safetensors|gguf)$/.test(file!)
    const location = isLarge ? `${cdnUrl}/files/${repo}/${file}?signature=secret` : `/files/${repo}/${file}`
    return void response.writeHead(isLarge ? 302 : 307, { location }).end()
  }
  const plain = /^\/files\/(.+)\/([^/]+)$/.exec(request.path)
  const bytes = plain ? fileBytes(options, plain[1]!, plain[2]!) : null
  if (!bytes) return void response.writeHead(404).end()
  sendSpan(request, response, bytes, isCut, options.ignoresRanges ?? false)
}

function sendSpan(
  request: HubRequest,
  response: ServerResponse,
  bytes: Buffer,
  isCut: boolean,
  isWhole: boolean,
): void {
  const headers: Record<string, string | number> = { etag: `"${bytes.length}"`, 'accept-ranges': 'bytes' }
  let body = bytes
  if (request.range && !isWhole) {
    const [start, end] = request.range
    body = bytes.subarray(start, end + 1)
    headers['content-range'] = `bytes ${start}-${start + body.length - 1}/${bytes.length}`
  }
  response.writeHead(request.range && !isWhole ? 206 : 200, { ...headers, 'content-length': body.length })
  if (!isCut) return void response.end(body)
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy())
}

function existsFile(options: LocalHubOptions, repo: string, file: string): boolean {
  return fileBytes(options, repo, file) !== null
}

function fileBytes(options: LocalHubOptions, repo: string, file: string): Buffer | null {
  const folder = options.repos[repo]
  if (!folder || file.includes('..')) return null
  try {
    return readFileSync(join(folder, file))
  } catch {
    return null
  }
}

async function listen(
  handle: (message: IncomingMessage, response: ServerResponse) => Promise<unknown>,
): Promise<Server> {
  const server = createServer((message, response) => {
    handle(message, response).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return server
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
