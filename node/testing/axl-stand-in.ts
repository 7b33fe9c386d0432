/**
 * A stand-in for AXL daemons, for tests: any number of them in one process, each with a real HTTP server on loopback, joined by an overlay
 * with a seeded delay, loss and order. It has the daemon's known habits and promises nothing beyond them; it is not AXL.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { createSeededRandom } from '@computepool/shared/testing'

export interface AxlStandInOptions {
  readonly seed?: number
  /** One way, after the dial. */
  readonly delayMs?: number
  /** Added to the delay, uniform in [0, jitterMs): messages overtake one another where it is not 0. */
  readonly jitterMs?: number
  /** Share of messages that are taken with 200 and never arrive. */
  readonly lossRate?: number
  /** What every `/send` waits, because it dials anew. */
  readonly dialMs?: number
  /** Share of dials that lose their first packet, and so take a second longer: the least that TCP waits (RFC 6298). */
  readonly slowDialRate?: number
  /** How long a dial tries a daemon that is not there, before the 502. */
  readonly unreachableMs?: number
  /** How many messages a queue keeps; the newest ones. */
  readonly queueMessages?: number
  /** How much of the sender's key the header still tells. */
  readonly senderCharacters?: number
}

export interface AxlStandInCounts {
  /** Polls of `/recv`, with a message or without. */
  polls: number
  /** `/send` calls that began to dial. */
  dials: number
  /** `/send` calls answered with 200. */
  sent: number
  /** Lost on the way here. */
  lost: number
  /** Put into the queue. */
  queued: number
  /** Oldest messages that a full queue let go. */
  dropped: number
  /** JSON bodies of the MCP and A2A services, which never reach the queue. */
  routed: number
  /** Handed out by `/recv`. */
  handedOut: number
}

export interface AxlStandInDaemon {
  readonly url: string
  /** 64 hex characters. */
  readonly key: string
  readonly counts: AxlStandInCounts
  /** Messages that wait now. */
  readonly queueLength: number
  /** `/recv` answers nobody, while messages go on arriving, until the returned function is called. */
  stall(): () => void
  /** As killed: its port refuses, its queue is gone, others get 502. Idempotent. */
  stop(): Promise<void>
  /** On the same port; with the same key, unless it is to have none that lasts. */
  start(how?: { readonly newKey?: boolean }): Promise<void>
}

export interface AxlStandIn {
  startDaemon(): Promise<AxlStandInDaemon>
  /** Nothing passes between the two, and `/send` says 502, until the returned function is called. */
  partition(a: AxlStandInDaemon, b: AxlStandInDaemon): () => void
  /** From now on. */
  change(options: AxlStandInOptions): void
  close(): Promise<void>
}

export const standInQueueMessages = 100
export const standInMessageBytes = 16 << 20
const dialRetryMs = 1000
const maxInboundConnections = 128
const senderPrefixCharacters = 16

interface Message {
  readonly from: string
  readonly body: Buffer
}

interface Daemon extends AxlStandInDaemon {
  readonly isUp: boolean
  inboundConnections: number
  deliver(message: Message): void
}

export function startAxlStandIn(given: AxlStandInOptions = {}): AxlStandIn {
  let options = given
  const random = createSeededRandom(given.seed ?? 1)
  const daemons = new Map<string, Daemon>()
  const partitions = new Set<string>()
  const timers = new Set<NodeJS.Timeout>()
  const pairKey = (a: string, b: string): string => [a, b].sort().join(' ')

  /** The status that `/send` answers. */
  async function pass(from: string, to: string, body: Buffer | null): Promise<number> {
    // All of a message's fate is drawn at once: it depends on its number, and on nobody's clock.
    const isSlow = random.next() < (options.slowDialRate ?? 0)
    const isLost = random.next() < (options.lossRate ?? 0)
    const delayMs = (options.delayMs ?? 0) + random.next() * (options.jitterMs ?? 0)
    const dialMs = (options.dialMs ?? 0) + (isSlow ? dialRetryMs : 0)
    if (dialMs > 0) await pause(dialMs)
    const target = daemons.get(to)
    if (!target?.isUp || partitions.has(pairKey(from, to))) {
      await pause(options.unreachableMs ?? 0, undefined, { ref: false })
      return 502
    }
    if (target.inboundConnections >= maxInboundConnections) return 502
    // The receiver hangs up at the length that it is told.
    if (body === null) return 500
    target.inboundConnections += 1
    if (isLost) target.counts.lost += 1
    after(delayMs, () => {
      target.inboundConnections -= 1
      if (!isLost && target.isUp) target.deliver({ from, body })
    })
    return 200
  }

  function after(delayMs: number, task: () => void): void {
    if (delayMs === 0) {
      task()
      return
    }
    const timer = setTimeout(() => {
      timers.delete(timer)
      task()
    }, delayMs)
    timers.add(timer)
  }

  return {
    async startDaemon() {
      const key = Buffer.from(random.bytes(32)).toString('hex')
      const daemon = createDaemon(key, {
        pass,
        others: () => [...daemons.values()],
        options: () => options,
        renew(old) {
          const fresh = Buffer.from(random.bytes(32)).toString('hex')
          daemons.delete(old)
          daemons.set(fresh, daemon)
          return fresh
        },
      })
      daemons.set(key, daemon)
      await daemon.start()
      return daemon
    },
    partition(a, b) {
      partitions.add(pairKey(a.key, b.key))
      return () => void partitions.delete(pairKey(a.key, b.key))
    },
    change(next) {
      options = { ...options, ...next }
    },
    async close() {
      for (const timer of timers) clearTimeout(timer)
      await Promise.all([...daemons.values()].map(daemon => daemon.stop()))
    },
  }
}

type Pass = (from: string, to: string, body: Buffer | null) => Promise<number>

interface Overlay {
  readonly pass: Pass
  others(): readonly Daemon[]
  options(): AxlStandInOptions
  /** Another key for the daemon that had `key`. */
  renew(key: string): string
}

function createDaemon(firstKey: string, { pass, others, options, renew }: Overlay): Daemon {
  let key = firstKey
  let server: Server | null = null
  let port = 0
  let queue: Message[] = []
  let stalled = Promise.resolve()
  const counts: AxlStandInCounts = {
    polls: 0,
    dials: 0,
    sent: 0,
    lost: 0,
    queued: 0,
    dropped: 0,
    routed: 0,
    handedOut: 0,
  }

  async function send(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request)
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const to = request.headers['x-destination-peer-id']
    if (typeof to !== 'string' || !/^[0-9a-fA-F]{64}$/.test(to)) return void response.writeHead(400).end()
    counts.dials += 1
    const status = await pass(key, to.toLowerCase(), body)
    if (status !== 200) return void response.writeHead(status).end()
    counts.sent += 1
    response.writeHead(200, { 'X-Sent-Bytes': String(body?.length ?? 0) }).end()
  }

  async function recv(response: ServerResponse): Promise<void> {
    await stalled
    counts.polls += 1
    const message = queue.shift()
    if (message === undefined) return void response.writeHead(204).end()
    counts.handedOut += 1
    const from = message.from.slice(0, options().senderCharacters ?? senderPrefixCharacters).padEnd(64, 'f')
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'X-From-Peer-Id': from })
    response.end(message.body)
  }

  function topology(response: ServerResponse): void {
    const seen = others().filter(other => other.isUp && other.key !== key)
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(
      JSON.stringify({
        our_ipv6: overlayAddress(key),
        our_public_key: key,
        peers: seen.map(other => ({ uri: 'tls://127.0.0.1:0', up: true, inbound: false, public_key: other.key })),
        tree: [key, ...seen.map(other => other.key)].map(public_key => ({ public_key, parent: key, sequence: 1 })),
      }),
    )
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/send') return send(request, response)
    request.resume()
    if (request.url === '/recv') return recv(response)
    if (request.url === '/topology') return topology(response)
    response.writeHead(404).end()
  }

  const daemon: Daemon = {
    get key() {
      return key
    },
    counts,
    inboundConnections: 0,
    get isUp() {
      return server !== null
    },
    get url() {
      return `http://127.0.0.1:${port}`
    },
    get queueLength() {
      return queue.length
    },
    deliver(message) {
      if (isForServices(message.body)) {
        counts.routed += 1
        return
      }
      queue.push(message)
      counts.queued += 1
      if (queue.length <= (options().queueMessages ?? standInQueueMessages)) return
      queue.shift()
      counts.dropped += 1
    },
    stall() {
      let release = (): void => {}
      stalled = new Promise(resolve => {
        release = resolve
      })
      return release
    },
    async start({ newKey = false } = {}) {
      if (server) return
      if (newKey) key = renew(key)
      const starting = createServer((request, response) => {
        answer(request, response).catch(() => response.destroy())
      })
      await new Promise<void>((resolve, reject) => {
        starting.once('error', reject)
        starting.listen(port, '127.0.0.1', resolve)
      })
      port = (starting.address() as AddressInfo).port
      server = starting
    },
    async stop() {
      const stopping = server
      server = null
      queue = []
      if (!stopping) return
      const closed = new Promise(resolve => stopping.close(resolve))
      stopping.closeAllConnections()
      await closed
    },
  }
  return daemon
}

/** Null where it is longer than the daemon takes; read to its end all the same, so that the answer is heard. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length
    if (sizeBytes <= standInMessageBytes) chunks.push(chunk)
    else chunks.length = 0
  }
  return sizeBytes > standInMessageBytes ? null : Buffer.concat(chunks)
}

function isForServices(body: Buffer): boolean {
  if (body[0] !== 0x7b) return false
  try {
    const json: unknown = JSON.parse(body.toString('utf8'))
    return typeof json === 'object' && json !== null && ('service' in json || ('a2a' in json && json.a2a === true))
  } catch {
    return false
  }
}

/** As the overlay's addresses look: 200::/7. */
function overlayAddress(key: string): string {
  return `200:${key.slice(0, 28).match(/.{4}/g)!.join(':')}`
}
