/**
 * Introduces peers: challenges, relays link signals inside a coalition, carries desk messages, forgets who falls silent. It knows
 * neither sockets (links are handed in) nor models, and reads no SDP.
 */
import { asComputePoolError, type ComputePoolError } from '@computepool/shared/errors'
import {
  type HubReply,
  type HubRequest,
  hubRequestSchema,
  type PeerId,
  protocolVersion,
  versionRefusal,
} from '@computepool/shared/wire'
import { type Challenge, createChallenge } from './challenge.ts'
import { createCoalitions } from './coalitions.ts'
import * as refusals from './hub-errors.ts'
import { defaultHubLimits } from './hub-limits.ts'
import { closeCodes, type GoneReason, type HubLink, type SignalingHub, type SignalingHubOptions } from './hub-ports.ts'
import { createKeyedBuckets, createTokenBucket, type TokenBucket } from './token-bucket.ts'

type Expulsion = refusals.Expulsion
type RequestOf<T extends HubRequest['type']> = Extract<HubRequest, { type: T }>

interface Connection {
  readonly link: HubLink
  readonly messages: TokenBucket
  readonly signals: TokenBucket
  phase: 'new' | 'challenged' | 'verifying' | 'member' | 'closed'
  challenge: Challenge | null
  peer: PeerId | null
  lastHeardMs: number
  /** The hello, challenge or silence deadline: one at a time. */
  cancelDeadline: () => void
}

export function createSignalingHub(options: SignalingHubOptions): SignalingHub {
  const { clock, entropy, domain, desk, verifySignature, onFault = () => {} } = options
  const limits = { ...defaultHubLimits, ...options.limits }
  const connections = new Set<Connection>()
  const members = new Map<PeerId, Connection>()
  const coalitions = createCoalitions()
  const linksPerAddress = new Map<string, number>()
  const hellos = createKeyedBuckets(limits.helloRate)

  const guarded = (run: () => void): void => {
    try {
      run()
    } catch (fault) {
      onFault(fault)
    }
  }
  const send = (connection: Connection, reply: HubReply): void => {
    guarded(() => connection.link.send(JSON.stringify(reply)))
  }
  const refuse = (connection: Connection, error: ComputePoolError): void => {
    send(connection, { type: 'refused', error: { ...error.toJSON(), context: { ...error.context } } })
  }

  /** Takes the connection out of every list, once, and tells the desk. */
  function forget(connection: Connection, reason: GoneReason): void {
    if (connection.phase === 'closed') return
    connection.phase = 'closed'
    connection.cancelDeadline()
    connections.delete(connection)
    const { remoteAddress } = connection.link
    const left = (linksPerAddress.get(remoteAddress) ?? 1) - 1
    if (left > 0) linksPerAddress.set(remoteAddress, left)
    else linksPerAddress.delete(remoteAddress)
    const { peer } = connection
    if (peer === null || members.get(peer) !== connection) return
    members.delete(peer)
    guarded(() => desk.peerGone(peer, reason))
  }

  function expel(connection: Connection, { error, code }: Expulsion, reason: GoneReason = 'refused'): void {
    if (connection.phase === 'closed') return
    refuse(connection, error)
    forget(connection, reason)
    guarded(() => connection.link.close(code, error.code))
  }

  function expelAfter(connection: Connection, delayMs: number, expulsion: () => Expulsion): void {
    connection.cancelDeadline()
    connection.cancelDeadline = clock.schedule(delayMs, () => expel(connection, expulsion()))
  }

  function watchSilence(connection: Connection): void {
    const idleMs = clock.monotonicMs() - connection.lastHeardMs
    if (idleMs >= limits.silenceLimitMs) {
      expel(connection, refusals.silent(idleMs, limits.silenceLimitMs), 'silent')
    } else {
      connection.cancelDeadline = clock.schedule(limits.silenceLimitMs - idleMs, () => watchSilence(connection))
    }
  }

  function greet(connection: Connection, { version, peer }: RequestOf<'hello'>): Expulsion | null {
    const refusal = versionRefusal(version)
    if (refusal) return { error: refusal, code: closeCodes.refused }
    if (!hellos.take(connection.link.remoteAddress, clock.monotonicMs())) {
      return refusals.rateLimited('hellos from this address', limits.helloRate.perSecond)
    }
    const lifetimeMs = limits.challengeLifetimeMs
    connection.phase = 'challenged'
    connection.challenge = createChallenge(peer, domain, { entropy, nowWallMs: clock.wallMs(), lifetimeMs })
    expelAfter(connection, lifetimeMs, () => refusals.late('The challenge expired unsigned'))
    send(connection, { type: 'challenge', version: protocolVersion, message: connection.challenge.message })
    return null
  }

  async function authenticate(
    connection: Connection,
    { message, signature }: RequestOf<'authenticate'>,
  ): Promise<Expulsion | null> {
    const { challenge } = connection
    // Single use: whatever comes of it, this challenge cannot be answered again.
    connection.challenge = null
    connection.phase = 'verifying'
    if (!challenge) return refusals.unauthenticated('There is no open challenge on this connection')
    if (message !== challenge.message) {
      return refusals.unauthenticated('The signed text is not the challenge of this connection')
    }
    if (clock.wallMs() >= challenge.expiresAtWallMs) return refusals.late('The challenge has expired')
    const { address } = challenge
    const isValid = await verifySignature({ address, message, signature: signature as `0x${string}` })
    if (!isValid) return refusals.unauthenticated(`The signature is not by ${address}`)
    return isClosed(connection) ? null : admit(connection, challenge.peer)
  }

  function admit(connection: Connection, peer: PeerId): Expulsion | null {
    const previous = members.get(peer)
    if (!previous && members.size >= limits.maxPeers) return refusals.hubFull(limits.maxPeers)
    if (previous) expel(previous, refusals.replaced(), 'replaced')
    connection.phase = 'member'
    connection.peer = peer
    connection.lastHeardMs = clock.monotonicMs()
    connection.cancelDeadline()
    members.set(peer, connection)
    watchSilence(connection)
    send(connection, { type: 'welcome', peer, silenceLimitMs: limits.silenceLimitMs })
    guarded(() => desk.peerConnected(peer))
    return null
  }

  function relay(connection: Connection, from: PeerId, { to, signal }: RequestOf<'signal'>): Expulsion | null {
    if (!connection.signals.take(clock.monotonicMs())) {
      return refusals.rateLimited('signals', limits.signalRate.perSecond)
    }
    const target = members.get(to)
    if (!coalitions.areTogether(from, to)) refuse(connection, refusals.notTogether(to))
    else if (!target) refuse(connection, refusals.notConnected(to))
    else send(target, { type: 'signal', from, signal })
    return null
  }

  function handleStranger(connection: Connection, request: HubRequest): Expulsion | null {
    if (request.type === 'hello' && connection.phase === 'new') return greet(connection, request)
    if (request.type !== 'authenticate' || connection.phase === 'verifying') {
      return refusals.unauthenticated(`A ${request.type} came before the welcome`)
    }
    authenticate(connection, request)
      .catch((fault): Expulsion => {
        onFault(fault)
        return { error: asComputePoolError(fault), code: closeCodes.refused }
      })
      .then(expulsion => {
        if (expulsion) expel(connection, expulsion)
      })
    return null
  }

  function handleMember(connection: Connection, peer: PeerId, request: HubRequest): Expulsion | null {
    if (request.type === 'signal') return relay(connection, peer, request)
    if (request.type === 'ping') send(connection, { type: 'pong', nonce: request.nonce })
    else if (request.type === 'desk') guarded(() => desk.peerRequest(peer, request.request))
    else return refusals.messageInvalid(`a ${request.type} came after the welcome`)
    return null
  }

  function receive(connection: Connection, text: string): Expulsion | null {
    connection.lastHeardMs = clock.monotonicMs()
    if (!connection.messages.take(connection.lastHeardMs)) {
      return refusals.rateLimited('messages', limits.messageRate.perSecond)
    }
    if (text.length > limits.maxMessageBytes) return refusals.messageTooLarge(text.length, limits.maxMessageBytes)
    const request = parseRequest(text)
    if ('error' in request) return request
    const { peer } = connection
    return peer === null ? handleStranger(connection, request) : handleMember(connection, peer, request)
  }

  return {
    accept(link) {
      const nowMs = clock.monotonicMs()
      const connection: Connection = {
        link,
        messages: createTokenBucket(limits.messageRate, nowMs),
        signals: createTokenBucket(limits.signalRate, nowMs),
        phase: 'new',
        challenge: null,
        peer: null,
        lastHeardMs: nowMs,
        cancelDeadline: () => {},
      }
      connections.add(connection)
      const count = (linksPerAddress.get(link.remoteAddress) ?? 0) + 1
      linksPerAddress.set(link.remoteAddress, count)
      link.onClose(() => forget(connection, 'left'))
      link.onMessage(text => {
        if (isClosed(connection)) return
        const expulsion = receive(connection, text)
        if (expulsion) expel(connection, expulsion)
      })
      const { helloDeadlineMs, maxLinksPerAddress } = limits
      if (count > maxLinksPerAddress) expel(connection, refusals.tooManyLinks(maxLinksPerAddress))
      else {
        expelAfter(connection, helloDeadlineMs, () => refusals.late(`No hello came within ${helloDeadlineMs} ms`))
      }
    },
    command(peer, command) {
      const connection = members.get(peer)
      if (connection) send(connection, { type: 'desk', command })
      return connection !== undefined
    },
    setCoalition: (id, peers) => coalitions.set(id, peers),
    peers: () => [...members.keys()],
    dismiss(peer, error) {
      const connection = members.get(peer)
      if (connection) expel(connection, { error, code: closeCodes.refused })
    },
    close() {
      for (const connection of [...connections]) {
        forget(connection, 'hub-closed')
        guarded(() => connection.link.close(closeCodes.hubClosed, 'The hub is closing'))
      }
    },
  }
}

const isClosed = (connection: Connection): boolean => connection.phase === 'closed'

function parseRequest(text: string): HubRequest | Expulsion {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return refusals.messageInvalid('it is not JSON')
  }
  const parsed = hubRequestSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  return refusals.messageInvalid(`${issue?.path.map(String).join('.') || 'type'}: ${issue?.message}`.slice(0, 500))
}
