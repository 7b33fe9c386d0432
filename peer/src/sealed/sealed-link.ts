/**
 * One sealed link, from its handshake to its end: both sides prove their wallets, agree on keys, and a session runs on them. It has one
 * handshake: what comes with another key afterwards is an echo or an attack. It knows no other links.
 */
import { type PacketHeader, packetHeaderBytes } from '@computepool/shared/datagram'
import { ComputePoolError, type ErrorCode } from '@computepool/shared/errors'
import type { Clock, Entropy, LinkFacts } from '@computepool/shared/ports'
import { type PeerId, protocolVersion } from '@computepool/shared/wire'
import { openWaiters } from '../links/open-waiters.ts'
import type { PeerKey } from '../runtime/peer-powers.ts'
import {
  answerText,
  decodeInit,
  decodeReply,
  encodeInit,
  encodeReply,
  encodeWant,
  type Introduction,
  isSameBytes,
  isSignedBy,
  openingText,
  sessionIdOf,
} from './handshake.ts'
import { agreeOnKeys, createPacketCipher, publicKeyOf, type SessionKeys } from './packet-cipher.ts'
import { createSealedSession, type SealedSession, type SealedSessionOptions } from './sealed-session.ts'

export type SealedKind = 'axl' | 'relay'

export interface SealedLinkOptions
  extends Pick<
    SealedSessionOptions,
    'clock' | 'limits' | 'segmentBytes' | 'post' | 'credit' | 'onFrame' | 'onBusy' | 'way' | 'onStalled' | 'onWayProven'
  > {
  readonly self: PeerId
  readonly peer: PeerId
  readonly epoch: number
  /** The desk's, of this pair and epoch. */
  readonly pairSecret: Uint8Array
  readonly kind: SealedKind
  readonly key: Pick<PeerKey, 'sign'>
  readonly entropy: Entropy
  /** Whoever wrote this packet has the pair's secret or the session's keys; told while `accept` runs. */
  readonly onHeard: () => void
  readonly onOpened: () => void
  readonly onMeasured: (rttMs: number) => void
  readonly onClosed: (error: ComputePoolError) => void
}

export interface SealedLink {
  readonly sessionId: string
  readonly facts: LinkFacts
  /** It ended, or never opened and no longer tries to. */
  readonly isClosed: boolean
  readonly session: SealedSession | null
  /** Handshakes that were not what they claimed. */
  readonly refusedHandshakes: number
  accept(header: PacketHeader, packet: Uint8Array): void
  /** Waits until the link is open, then for room. */
  send(frame: Uint8Array, signal?: AbortSignal): Promise<void>
  /** Settles when the other side was told as well as can be. Idempotent. */
  close(error: ComputePoolError): Promise<void>
}

const firstRetryMs = 100
const lastRetryMs = 1000
/** Openings in vain before the carrier is to try another way. */
const postsPerWay = 4
/** Signatures looked at, at most: one takes milliseconds, and the peer itself may send many. */
const checksPerSecond = 20

export function openSealedLink(options: SealedLinkOptions): SealedLink {
  const { self, peer, epoch, clock, limits, pairSecret } = options
  const isOpener = self < peer
  const introduction: Introduction = isOpener
    ? { opener: self, answerer: peer, epoch }
    : { opener: peer, answerer: self, epoch }
  const sessionId = sessionIdOf(introduction)
  const shared = { sessionId, secret: pairSecret }
  const secret = options.entropy.bytes(32)
  const ownKey = publicKeyOf(secret)
  const allowance = createAllowance(clock)
  const waiting = openWaiters()
  const counters = { sentBytes: 0, receivedBytes: 0, sentFrames: 0, receivedFrames: 0 }
  let state: 'connecting' | 'open' | 'closed' = 'connecting'
  let ending: ComputePoolError | null = null
  let session: SealedSession | null = null
  let refusal: ComputePoolError | null = null
  let refusedHandshakes = 0
  /** The answerer's: whose init was answered, and how. */
  let answered: { readonly openerKey: Uint8Array; readonly reply: Uint8Array } | null = null
  let cancelRetry = (): void => {}
  const cancelConnect = clock.schedule(limits.connectDeadlineMs, () => {
    void close(refusal ?? problem('peer_unreachable', `${peer} did not answer in ${limits.connectDeadlineMs} ms`))
  })

  async function beginOpening(): Promise<void> {
    const signature = await options.key.sign(openingText(introduction, { openerKey: ownKey }))
    const init = encodeInit(shared, { openerKey: ownKey }, signature)
    postUntilHeard(init, { turns: true })
  }

  /** `turns`: the carrier is to try another way after a few in vain. */
  function postUntilHeard(packet: Uint8Array, { turns }: { readonly turns: boolean }): void {
    let waitMs = firstRetryMs
    let posts = 0
    const postAgain = (): void => {
      if (state !== 'connecting' || session) return
      if (turns && posts > 0 && posts % postsPerWay === 0) options.onStalled()
      posts += 1
      post(packet)
      cancelRetry = clock.schedule(waitMs, postAgain)
      waitMs = Math.min(lastRetryMs, waitMs * 1.5)
    }
    postAgain()
  }
  const post = (packet: Uint8Array): void => {
    // What a carrier could not take is a lost packet like any other.
    options.post(packet).catch(() => {})
  }

  /** A stranger’s, or an echo: it costs no signature check and decides nothing. */
  function passUp(): void {
    refusedHandshakes += 1
  }
  /** Told as the reason where the link does not open: only for what was made with the pair's secret. */
  function refuse(code: ErrorCode, message: string): void {
    refusedHandshakes += 1
    refusal = problem(code, message)
  }

  async function acceptReply(packet: Uint8Array): Promise<void> {
    const reply = isOpener && !session ? decodeReply(packet, shared) : null
    if (session || !reply || !isSameBytes(reply.openerKey, ownKey)) return passUp()
    if (reply.version !== protocolVersion) return refuse('peer_version_refused', otherVersion(reply.version))
    if (!allowance.take()) return
    const transcript = answerText(introduction, reply)
    const isGenuine = await isSignedBy(peer, transcript, reply.signature)
    const keys = isGenuine
      ? agreeOnKeys({ secret, theirPublic: reply.answererKey, pairSecret, transcript, isInitiator: true })
      : null
    if (!keys) return refuse('peer_unauthenticated', `An answer was not signed by ${peer}`)
    if (state !== 'connecting' || session) return
    beginSession(keys)
    becomeOpen()
  }

  async function acceptInit(packet: Uint8Array): Promise<void> {
    const init = isOpener || state !== 'connecting' ? null : decodeInit(packet, shared)
    if (!init) return passUp()
    options.onHeard()
    if (answered) {
      // Our reply was lost; or this is an echo, and the reply harms nobody.
      if (isSameBytes(answered.openerKey, init.openerKey)) post(answered.reply)
      else passUp()
      return
    }
    if (init.version !== protocolVersion) return refuse('peer_version_refused', otherVersion(init.version))
    if (!allowance.take()) return
    const isGenuine = await isSignedBy(peer, openingText(introduction, init), init.signature)
    const both = { openerKey: init.openerKey, answererKey: ownKey }
    const transcript = answerText(introduction, both)
    const agreement = { secret, theirPublic: init.openerKey, pairSecret, transcript, isInitiator: false }
    const keys = isGenuine ? agreeOnKeys(agreement) : null
    if (!keys) return refuse('peer_unauthenticated', `An opening was not signed by ${peer}`)
    const signature = await options.key.sign(transcript)
    if (state !== 'connecting' || answered) return
    answered = { openerKey: init.openerKey, reply: encodeReply(shared, both, signature) }
    // Open only when the first packet shows that the opener has the keys.
    beginSession(keys)
    post(answered.reply)
  }

  function beginSession(keys: SessionKeys): void {
    cancelRetry()
    secret.fill(0)
    session = createSealedSession({
      ...options,
      peer,
      cipher: createPacketCipher({ keys, sessionId, self, peer }),
      onFrame(frame) {
        counters.receivedFrames += 1
        counters.receivedBytes += frame.length
        options.onFrame(frame)
      },
      isConfirmed: isOpener,
      onHeard() {
        options.onHeard()
        becomeOpen()
      },
      onClosed: finish,
    })
    // The other side opens with it, and the round trip is known at once.
    if (isOpener) session.ping()
  }

  function becomeOpen(): void {
    if (state !== 'connecting') return
    state = 'open'
    cancelConnect()
    options.onOpened()
    waiting.resolve()
  }

  function finish(error: ComputePoolError): void {
    if (state === 'closed') return
    state = 'closed'
    ending = error
    cancelConnect()
    cancelRetry()
    secret.fill(0)
    options.onBusy(false)
    waiting.reject(error)
    options.onClosed(error)
  }

  async function close(error: ComputePoolError): Promise<void> {
    if (session) await session.close(error)
    finish(error)
  }

  const otherVersion = (version: number): string => `${peer} speaks version ${version}, this peer ${protocolVersion}`
  const problem = (code: ErrorCode, message: string): ComputePoolError =>
    new ComputePoolError(code, message, { remedy: 'Route over another peer.', context: { peer } })

  options.onBusy(true)
  if (isOpener) {
    beginOpening().catch((fault: unknown) => {
      void close(problem('peer_unauthenticated', `This peer’s wallet signed no handshake: ${String(fault)}`))
    })
  } else {
    // Most openers open by themselves; one that has kept its link of an earlier assignment does not.
    cancelRetry = clock.schedule(firstRetryMs, () => postUntilHeard(encodeWant(shared), { turns: false }))
  }

  return {
    sessionId,
    get facts() {
      return {
        peer,
        kind: options.kind,
        isOpen: state === 'open',
        rttMs: session?.rttMs ?? null,
        bytesPerSecond: session?.bytesPerSecond ?? null,
        ...counters,
      }
    },
    get isClosed() {
      return state === 'closed'
    },
    get session() {
      return session
    },
    get refusedHandshakes() {
      return refusedHandshakes
    },
    accept(header, packet) {
      if (state === 'closed') return
      // Its own init is on the way, or was answered.
      if (header.type === 'want') return
      const isHandshake = packet.length > packetHeaderBytes && header.type !== 'data'
      if (isHandshake) void (header.type === 'init' ? acceptInit(packet) : acceptReply(packet)).catch(() => {})
      else session?.accept(header, packet)
    },
    async send(frame, signal) {
      signal?.throwIfAborted()
      if (frame.length > limits.maxFrameBytes) {
        throw new ComputePoolError(
          'peer_frame_too_large',
          `A frame of ${frame.length} bytes exceeds ${limits.maxFrameBytes}`,
          { remedy: 'Send smaller chunks.', context: { sizeBytes: frame.length, limitBytes: limits.maxFrameBytes } },
        )
      }
      if (state === 'connecting') await waiting.wait(signal)
      if (ending || !session) throw ending ?? problem('peer_disconnected', `The link to ${peer} is closed`)
      await session.send(frame, signal)
      counters.sentFrames += 1
      counters.sentBytes += frame.length
    },
    close,
  }
}

interface Allowance {
  take(): boolean
}

/** So many a second, saved up for one second. */
function createAllowance(clock: Clock): Allowance {
  let left = checksPerSecond
  let atMs = clock.monotonicMs()
  return {
    take() {
      const nowMs = clock.monotonicMs()
      left = Math.min(checksPerSecond, left + ((nowMs - atMs) * checksPerSecond) / 1000)
      atMs = nowMs
      if (left < 1) return false
      left -= 1
      return true
    },
  }
}
