/**
 * The peer's one WebSocket: signs the hub's challenge, carries desk messages and link signals, pings, and comes back after a break.
 * It knows neither models nor links; it is told what to send and tells what came.
 */
import { ComputePoolError, errorFromData } from '@computepool/shared/errors'
import type { Clock, Entropy } from '@computepool/shared/ports'
import {
  type DeskCommand,
  type DeskRequest,
  type HubReply,
  type HubRequest,
  hubReplySchema,
  type LinkSignal,
  protocolVersion,
} from '@computepool/shared/wire'
import { parseSiweMessage } from 'viem/siwe'
import { isOurChallenge } from './is-our-challenge.ts'

const firstRetryMs = 500
const longestRetryMs = 15_000
const welcomeDeadlineMs = 20_000
/**
 * Refusals that no second attempt changes, or that one would only hand on: the hub says `peer_disconnected` to a peer that a newer
 * connection of the same peer replaced, and two that come back by turns would tear down each other's ring for ever.
 */
const finalCodes = new Set(['peer_version_refused', 'peer_unauthenticated', 'peer_disconnected'])

/** The part of a WebSocket that is used. */
export interface SocketLike {
  send(text: string): void
  close(): void
  onopen: (() => void) | null
  onmessage: ((event: { readonly data: unknown }) => void) | null
  onclose: (() => void) | null
}

export interface HubClientOptions {
  readonly peer: string
  /** Where `openSocket` connects to: the key signs no sign-in to another host. Null or absent: not known. */
  readonly pageUrl?: string | null
  readonly openSocket: () => SocketLike
  readonly sign: (message: string) => Promise<string>
  readonly clock: Clock
  readonly entropy: Entropy
  /** `pool`: as the challenge named it, in which the peer has found its pool. */
  readonly onWelcome: (pool: string) => void
  readonly onCommand: (command: DeskCommand) => void
  readonly onSignal: (from: string, signal: LinkSignal) => void
  /** The connection broke, was refused for now, or did not come about; another is being tried. */
  readonly onBroken: (error: ComputePoolError) => void
  /** Refused for good; the client has closed. */
  readonly onRefused: (error: ComputePoolError) => void
}

export interface HubClient {
  /** False where there is no connection: what the desk did not hear is not kept for later. */
  send(request: DeskRequest): boolean
  signal(to: string, signal: LinkSignal): void
  /** Idempotent. */
  close(): void
}

export function openHubClient(options: HubClientOptions): HubClient {
  const { peer, clock, entropy } = options
  let socket: SocketLike | null = null
  let isWelcome = false
  let isClosed = false
  let attempts = 0
  let nonce = 0
  let heardMs = 0
  let cancelTimer: () => void = () => {}
  let lastRefusal: ComputePoolError | null = null
  let pool = ''

  function post(request: HubRequest): void {
    socket?.send(JSON.stringify(request))
  }

  function connect(): void {
    const opened = options.openSocket()
    socket = opened
    lastRefusal = null
    cancelTimer = clock.schedule(welcomeDeadlineMs, () => breakOff(opened))
    opened.onopen = () => post({ type: 'hello', version: protocolVersion, peer })
    opened.onmessage = ({ data }) => {
      if (socket !== opened) return
      heardMs = clock.monotonicMs()
      const reply = parseReply(data)
      // A message that this version does not know is left alone; the hub decides about versions.
      if (reply !== null) void receive(opened, reply)
    }
    opened.onclose = () => breakOff(opened)
  }

  function breakOff(broken: SocketLike): void {
    if (socket !== broken) return
    socket = null
    cancelTimer()
    broken.close()
    isWelcome = false
    if (isClosed) return
    if (lastRefusal !== null && finalCodes.has(lastRefusal.code)) {
      isClosed = true
      options.onRefused(lastRefusal)
      return
    }
    options.onBroken(lastRefusal ?? noAnswer())
    const jitter = 0.5 + entropy.bytes(1)[0]! / 256
    cancelTimer = clock.schedule(Math.min(longestRetryMs, firstRetryMs * 2 ** attempts) * jitter, connect)
    attempts += 1
  }

  async function receive(from: SocketLike, reply: HubReply): Promise<void> {
    switch (reply.type) {
      case 'challenge': {
        if (!isOurChallenge(reply.message, peer, options.pageUrl ?? null)) {
          lastRefusal = new ComputePoolError(
            'peer_unauthenticated',
            'The hub asked for a signature under another text than the sign-in of this peer to this pool.',
            {
              remedy: 'Check the address of the orchestrator; behind a proxy it needs its own with --public-url.',
            },
          )
          return breakOff(from)
        }
        pool = parseSiweMessage(reply.message).uri ?? ''
        const signature = await options.sign(reply.message)
        if (socket === from) post({ type: 'authenticate', message: reply.message, signature })
        return
      }
      case 'welcome':
        isWelcome = true
        attempts = 0
        cancelTimer()
        keepAlive(from, reply.silenceLimitMs)
        return options.onWelcome(pool)
      case 'refused':
        lastRefusal = errorFromData(reply.error)
        return
      case 'signal':
        return options.onSignal(reply.from, reply.signal)
      case 'desk':
        return options.onCommand(reply.command)
      case 'pong':
        return
    }
  }

  function keepAlive(kept: SocketLike, silenceLimitMs: number): void {
    const dueMs = clock.monotonicMs() + silenceLimitMs / 3
    cancelTimer = clock.schedule(silenceLimitMs / 3, () => {
      const nowMs = clock.monotonicMs()
      // A thread that stood still heard nothing because it did not listen: what came meanwhile is looked at first.
      const wasLate = nowMs - dueMs > silenceLimitMs / 3
      if (nowMs - heardMs > silenceLimitMs && !wasLate) return breakOff(kept)
      nonce += 1
      post({ type: 'ping', nonce })
      keepAlive(kept, silenceLimitMs)
    })
  }

  connect()
  return {
    send(request) {
      if (!isWelcome) return false
      post({ type: 'desk', request: 'error' in request ? { ...request, error: fitting(request.error) } : request })
      return true
    },
    signal(to, signal) {
      if (isWelcome) post({ type: 'signal', to, signal })
    },
    close() {
      isClosed = true
      cancelTimer()
      const closing = socket
      socket = null
      isWelcome = false
      closing?.close()
    },
  }
}

function parseReply(data: unknown): HubReply | null {
  if (typeof data !== 'string') return null
  try {
    return hubReplySchema.safeParse(JSON.parse(data)).data ?? null
  } catch {
    return null
  }
}

function noAnswer(): ComputePoolError {
  return new ComputePoolError('peer_unreachable', 'The connection to the orchestrator is broken.', {
    remedy: 'Nothing: it is tried again. If it stays so, check that the orchestrator runs.',
  })
}

/** The hub expels whoever sends a longer text than the schema allows, and an engine's own words can be long. */
function fitting(error: Extract<DeskRequest, { type: 'request-failed' }>['error']): typeof error {
  const entries = Object.entries(error.context).map(
    ([key, value]) => [key.slice(0, 64), typeof value === 'string' ? value.slice(0, 500) : value] as const,
  )
  return {
    code: error.code,
    message: error.message.slice(0, 2000),
    remedy: error.remedy.slice(0, 1000),
    context: Object.fromEntries(entries),
  }
}
