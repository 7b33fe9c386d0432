/**
 * Stands in for 0G Storage on one's own chain: node, indexer and gateway in one HTTP server that 0G's SDK uses unmodified. It follows a
 * StorageFlow contract, checks each segment's proof, and says by `x-computepool-storage: stand-in` what it is. No other node has what it has.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Address, createPublicClient, http, type PublicClient } from 'viem'
import { ZodError } from 'zod'
import { followFlow } from './follow-flow.ts'
import { createStandInFiles } from './stand-in-files.ts'
import { type StandInContext, type StandInFaults, StandInRefusal, standInMethods } from './stand-in-methods.ts'

export interface StorageStandInOptions {
  readonly rpcUrl: string
  readonly flow: Address
  /** Where whole files are kept; without it they are gone with the process. */
  readonly folder?: string | undefined
  /** Default: a free one, of this machine alone. */
  readonly port?: number | undefined
  /** May be changed while it runs. */
  readonly faults?: StandInFaults | undefined
  /** Told what kept a request from its answer. */
  readonly onFault?: ((fault: unknown) => void) | undefined
}

export interface StorageStandIn {
  /** Of the indexer, of its only node, and of the gateway. */
  readonly url: string
  /** How often each method was called. */
  readonly calls: ReadonlyMap<string, number>
  close(): Promise<void>
}

const mostBodyBytes = 8 * 1024 * 1024
const range = /^bytes=(\d+)-(\d*)$/

export async function openStorageStandIn(options: StorageStandInOptions): Promise<StorageStandIn> {
  const { rpcUrl, flow, folder, port = 0, faults = {}, onFault = () => {} } = options
  const client = createPublicClient({ transport: http(rpcUrl), cacheTime: 0 }) as PublicClient
  const files = createStandInFiles({ folder })
  const follower = followFlow(client, flow, submission => files.submitted(submission))
  const calls = new Map<string, number>()
  let url = ''
  const context: StandInContext = {
    chainId: await client.getChainId(),
    flow,
    files,
    follower,
    faults,
    url: () => url,
  }

  async function answer(request: unknown) {
    const { id = null, method, params } = (request ?? {}) as { id?: unknown; method?: unknown; params?: unknown }
    const name = String(method)
    const run = Object.hasOwn(standInMethods, name) ? standInMethods[name] : undefined
    if (run === undefined)
      return { jsonrpc: '2.0', id, error: { code: -32601, message: `No method ${name.slice(0, 80)}.` } }
    calls.set(name, (calls.get(name) ?? 0) + 1)
    try {
      return { jsonrpc: '2.0', id, result: (await run(Array.isArray(params) ? params : [], context)) ?? null }
    } catch (thrown) {
      const [code, message, data] =
        thrown instanceof StandInRefusal
          ? [thrown.rpcCode, thrown.message, thrown.data]
          : thrown instanceof ZodError
            ? [-32602, 'Invalid params', thrown.issues[0]?.message ?? '']
            : [-32603, 'Internal error', thrown instanceof Error ? thrown.message.split('\n')[0]!.slice(0, 200) : '']
      return { jsonrpc: '2.0', id, error: { code, message, data } }
    }
  }

  /** A part of a file as bytes, with ranges: what a tab can fetch. Its envelope for errors is 0G's gateway's. */
  async function give(request: IncomingMessage, response: ServerResponse, root: string): Promise<void> {
    if (!faults.neverSyncs) await follower.sync()
    const file = files.byRoot(root.toLowerCase() as Address)
    if (!file?.isWhole) {
      return json(
        response,
        404,
        file ? { code: 103, message: 'File not finalized' } : { code: 101, message: 'File not found' },
      )
    }
    const size = file.sizeBytes
    const [, first, last] = range.exec(request.headers.range ?? '') ?? []
    const from = Number(first ?? 0)
    const to = last ? Math.min(Number(last) + 1, size) : size
    if (from >= to) {
      response.writeHead(416, { 'content-range': `bytes */${size}` }).end()
      return
    }
    const bytes = (await files.read(file.seq, from, to))!
    response.writeHead(first === undefined ? 200 : 206, {
      'content-type': 'application/octet-stream',
      'content-length': bytes.length,
      'accept-ranges': 'bytes',
      ...(first !== undefined && { 'content-range': `bytes ${from}-${to - 1}/${size}` }),
    })
    response.end(bytes)
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-allow-headers', 'content-type, range')
    response.setHeader('access-control-expose-headers', 'content-range, accept-ranges, x-computepool-storage')
    response.setHeader('x-computepool-storage', 'stand-in')
    if (faults.isSilent) return
    if (request.method === 'OPTIONS') return void response.writeHead(204).end()
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stand-in')
    if (request.method === 'GET' && pathname === '/file') return give(request, response, searchParams.get('root') ?? '')
    if (request.method !== 'POST') return json(response, 404, { code: 101, message: 'Not found' })
    const body = await readBody(request)
    if (body === null) return json(response, 413, { code: 105, message: 'Too large' })
    let asked: unknown
    try {
      asked = JSON.parse(body)
    } catch {
      return json(response, 400, { jsonrpc: '2.0', id: null, error: { code: -32700, message: 'No JSON' } })
    }
    json(response, 200, Array.isArray(asked) ? await Promise.all(asked.slice(0, 50).map(answer)) : await answer(asked))
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((fault: unknown) => {
      response.destroy()
      onFault(fault)
    })
  })
  // Not Node's 5 s: a client that computes roots in between would send on a connection that is just being closed.
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    calls,
    async close() {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size > mostBodyBytes) return null
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}
