/**
 * The HTTP API of a local AXL daemon: who it is, one message out, one message in. Connections are kept, sizes are capped, answers are
 * parsed. It knows no peers and no parcels, and believes no sender.
 */
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { ComputePoolError } from '@computepool/shared/errors'
import { axlKeySchema } from '@computepool/shared/wire'
import { z } from 'zod'

/** The daemon's own cap (`max_message_size`). */
export const axlMessageBytes = 16 << 20
const maxTopologyBytes = 4 << 20
/** More than the sends of a relay to its 64 members, four at once to each. */
const maxSockets = 260

const topologySchema = z.object({
  our_ipv6: z.string().max(64),
  our_public_key: axlKeySchema,
  peers: z.array(z.unknown()).nullish(),
  tree: z.array(z.unknown()).nullish(),
})

export interface AxlTopology {
  /** 64 hex characters: what others send to. */
  readonly key: string
  readonly address: string
  /** Daemons that it is connected to right now. */
  readonly peers: number
}

export interface AxlMessage {
  readonly body: Uint8Array
  /** The head of the sender's key as the overlay tells it, at most 64 hex characters of which about 16 count: no proof of anything. */
  readonly senderHint: string
}

export interface AxlClientOptions {
  /** Such as http://127.0.0.1:9002 */
  readonly url: string
  /** Of one call. A dial through a mesh takes seconds at worst. */
  readonly timeoutMs?: number
  /** Of a look at the queue, which never waits for a message. */
  readonly recvTimeoutMs?: number
  /** Longer messages are not kept. */
  readonly maxReceiveBytes?: number
  /** A connection for each message, and none is sent a second time: for receivers that would take a doubled message for two. */
  readonly sendsOnce?: boolean
}

/**
 * Errors of all calls: `peer_unreachable` (the daemon does not answer: then the context names its `url`; or the daemon cannot reach the
 * receiver: then it names the receiver's `key`), `peer_timed_out`, `peer_message_invalid` where the answer is not AXL's.
 */
export interface AxlClient {
  readonly url: string
  topology(): Promise<AxlTopology>
  /** Resolves when the daemon has written it to the receiver's, which says nothing of its queue. Also: `peer_frame_too_large`. */
  send(key: string, body: Uint8Array): Promise<void>
  /** The oldest message, or null where none waits. A message over the cap is gone: `peer_frame_too_large`. */
  recv(): Promise<AxlMessage | null>
  /** Ends calls under way. Idempotent. */
  close(): void
}

interface Call {
  readonly method: 'GET' | 'POST'
  readonly path: '/topology' | '/send' | '/recv'
  readonly headers?: OutgoingHttpHeaders
  readonly body?: Uint8Array
  readonly maxBytes: number
  readonly limitMs?: number
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** Errors: `input_invalid` where `url` is no HTTP address. */
export function createAxlClient(options: AxlClientOptions): AxlClient {
  const { timeoutMs = 10_000, maxReceiveBytes = axlMessageBytes, sendsOnce = false } = options
  const recvTimeoutMs = options.recvTimeoutMs ?? Math.min(2000, timeoutMs)
  const base = baseOf(options.url)
  const url = base.origin
  // Two, so that sends to receivers that are gone, which dial for long, never hold up a poll.
  const sends = new Agent({ keepAlive: true, maxSockets })
  const polls = new Agent({ keepAlive: true, maxSockets: 2 })
  let isClosed = false

  function callOnce(call: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: base.hostname.replace(/^\[|\]$/g, ''),
          port: base.port || 80,
          method: call.method,
          path: call.path,
          agent: call.path !== '/send' ? polls : sendsOnce ? false : sends,
          headers: { ...call.headers, ...(call.body ? { 'Content-Length': call.body.length } : {}) },
        },
        incoming => {
          const chunks: Buffer[] = []
          let sizeBytes = 0
          incoming.on('data', (chunk: Buffer) => {
            sizeBytes += chunk.length
            if (sizeBytes <= call.maxBytes) return void chunks.push(chunk)
            fail(tooLarge('an answer', sizeBytes, call.maxBytes))
            outgoing.destroy()
          })
          incoming.on('end', () => {
            clearTimeout(timer)
            const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
            resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body })
          })
          incoming.on('error', fail)
        },
      )
      const { limitMs = timeoutMs } = call
      const timer = setTimeout(() => {
        fail(timedOut(url, limitMs))
        outgoing.destroy()
      }, limitMs)
      const fail = (fault: Error): void => {
        clearTimeout(timer)
        const isStale = outgoing.reusedSocket && 'code' in fault && fault.code === 'ECONNRESET'
        reject(isStale ? new StaleConnection() : fault)
      }
      outgoing.on('error', fail)
      outgoing.end(call.body)
    })
  }

  async function perform(call: Call): Promise<Answer> {
    if (isClosed) throw closed(url)
    try {
      return await callOnce(call).catch(fault => {
        // The daemon let an idle connection go as it was used again. A message doubled by this is within the carrier's promise.
        if (fault instanceof StaleConnection && !isClosed) return callOnce(call)
        throw fault
      })
    } catch (fault) {
      if (isClosed) throw closed(url)
      if (fault instanceof ComputePoolError) throw fault
      const reason = fault instanceof Error ? ('code' in fault ? String(fault.code) : fault.message) : String(fault)
      throw new ComputePoolError('peer_unreachable', `The AXL daemon at ${url} does not answer: ${reason}.`, {
        remedy: 'Start it, or correct the address (its api_port).',
        context: { url },
        cause: fault,
      })
    }
  }

  return {
    url,
    async topology() {
      const answer = await perform({ method: 'GET', path: '/topology', maxBytes: maxTopologyBytes })
      if (answer.status !== 200) throw notAxl(url, `/topology answered ${answer.status}`)
      const parsed = topologySchema.safeParse(jsonOf(answer.body))
      if (!parsed.success) throw notAxl(url, '/topology tells no our_public_key')
      const { our_public_key: key, our_ipv6: address, peers } = parsed.data
      return { key, address, peers: peers?.length ?? 0 }
    },
    async send(key, body) {
      if (body.length > axlMessageBytes) throw tooLarge('a message', body.length, axlMessageBytes)
      const headers = { 'X-Destination-Peer-Id': key, 'Content-Type': 'application/octet-stream' }
      const call: Call = { method: 'POST', path: '/send', headers, body, maxBytes: 64 << 10 }
      const { status } = await perform(call).catch((fault: ComputePoolError) => {
        // It dials for longer than anybody waits: the receiver is gone, or the way to it.
        throw fault.code === 'peer_timed_out' ? timedOut(url, timeoutMs, key) : fault
      })
      if (status === 200) return
      const shown = `${key.slice(0, 16)}…`
      if (status === 502 || status === 500) {
        const what = status === 502 ? 'cannot reach' : 'could not write to'
        throw new ComputePoolError('peer_unreachable', `The AXL daemon at ${url} ${what} ${shown}.`, {
          remedy: 'Check that the receiver’s daemon runs and that both have a peer in common.',
          context: { key, status },
        })
      }
      if (status === 400) {
        throw new ComputePoolError('peer_unreachable', `The AXL daemon at ${url} takes ${shown} for no key.`, {
          remedy: 'Give the 64 hex characters of our_public_key that /topology of the receiver’s daemon tells.',
          context: { key, status },
        })
      }
      throw notAxl(url, `/send answered ${status}`)
    },
    async recv() {
      const { status, headers, body } = await perform({
        method: 'GET',
        path: '/recv',
        maxBytes: maxReceiveBytes,
        limitMs: recvTimeoutMs,
      })
      if (status === 204) return null
      if (status !== 200) throw notAxl(url, `/recv answered ${status}`)
      const hint = headers['x-from-peer-id']
      return {
        body,
        senderHint: typeof hint === 'string' && /^[0-9a-fA-F]{1,64}$/.test(hint) ? hint.toLowerCase() : '',
      }
    },
    close() {
      isClosed = true
      sends.destroy()
      polls.destroy()
    },
  }
}

class StaleConnection extends Error {}

function baseOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol === 'http:' && url.username === '' && url.password === '') return url
  throw new ComputePoolError('input_invalid', `"${text.slice(0, 100)}" is no address of an AXL daemon.`, {
    remedy: 'Give its HTTP API, such as http://127.0.0.1:9002.',
  })
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return null
  }
}

const tooLarge = (what: string, sizeBytes: number, limitBytes: number): ComputePoolError =>
  new ComputePoolError(
    'peer_frame_too_large',
    `AXL: ${what} of ${sizeBytes} bytes or more; the limit is ${limitBytes}`,
    {
      remedy: 'Send smaller chunks.',
      context: { sizeBytes, limitBytes },
    },
  )

const timedOut = (url: string, timeoutMs: number, key?: string): ComputePoolError =>
  new ComputePoolError(
    'peer_timed_out',
    `The AXL daemon at ${url} gave no answer in ${timeoutMs} ms${key ? ` to a /send to ${key.slice(0, 16)}…` : ''}.`,
    {
      remedy: 'Look at its log; it may be unable to reach the receiver.',
      context: { url, timeoutMs, ...(key && { key }) },
    },
  )

const notAxl = (url: string, what: string): ComputePoolError =>
  new ComputePoolError('peer_message_invalid', `What answers at ${url} is no AXL daemon that we know: ${what}.`, {
    remedy: 'Check the port: it is the api_port of node-config.json.',
    context: { url },
  })

const closed = (url: string): ComputePoolError =>
  new ComputePoolError('peer_disconnected', `The client of the AXL daemon at ${url} is closed.`, { context: { url } })
