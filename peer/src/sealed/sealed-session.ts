/**
 * One open session with one peer: frames become sealed packets that are acknowledged, timed and sent again, and packets become frames,
 * each once. It has keys already; it knows neither handshakes nor who else is linked.
 */
import {
  type Ack,
  createRttEstimate,
  createSendWindow,
  createSentBook,
  createThroughput,
  decodeItems,
  encodeItems,
  type PacketHeader,
  type PacketItem,
  type SentPacket,
} from '@computepool/shared/datagram'
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { createAckDuty } from './ack-duty.ts'
import { createFrameIntake } from './frame-intake.ts'
import type { PacketCipher } from './packet-cipher.ts'
import type { SealedLimits } from './sealed-limits.ts'
import { createSegmentQueue, type Segment } from './segment-queue.ts'
import { createSilenceWatch } from './silence-watch.ts'

export interface SealedSessionOptions {
  readonly peer: string
  readonly cipher: PacketCipher
  readonly clock: Clock
  readonly limits: SealedLimits
  /** Largest payload of a frame in one packet that the carrier takes. */
  readonly segmentBytes: number
  /** False: the other side may not have the keys yet, so that its silence means nothing before its first packet. */
  readonly isConfirmed: boolean
  readonly post: (packet: Uint8Array) => Promise<void>
  /** Packets that the other side may have under way to this one. */
  readonly credit: () => number
  /** The other side sealed a packet; told before what is in it. */
  readonly onHeard: () => void
  readonly onFrame: (frame: Uint8Array) => void
  /** At most once a second. */
  readonly onMeasured: (rttMs: number) => void
  /** An answer is, or is not, expected soon. */
  readonly onBusy: (isBusy: boolean) => void
  /** The way that the carrier takes now; null where it has no choice. */
  readonly way: () => string | null
  /** Nothing is heard over the way in use. */
  readonly onStalled: () => void
  /** What went this way arrived, while the carrier takes another. */
  readonly onWayProven: (way: string) => void
  /** Told once, whoever ended it. */
  readonly onClosed: (error: ComputePoolError) => void
}

export interface SessionCounts {
  readonly sentPackets: number
  readonly receivedPackets: number
  /** Given up for lost; what they carried was sent again. */
  readonly lostPackets: number
  readonly probes: number
  /** Packets that came twice. */
  readonly duplicates: number
  /** Packets that the other side's key did not seal. */
  readonly forged: number
}

export interface SealedSession {
  /** Resolves when every byte was handed to the carrier once. */
  send(frame: Uint8Array, signal?: AbortSignal): Promise<void>
  /** A packet with this session's id. */
  accept(header: PacketHeader, packet: Uint8Array): void
  /** Asks for an ack at once. */
  ping(): void
  noteAssigned(): void
  readonly rttMs: number | null
  readonly bytesPerSecond: number | null
  readonly counts: SessionCounts
  /** What is held for this peer now; all 0 after the end. */
  readonly held: { readonly unackedBytes: number; readonly pendingBytes: number; readonly packets: number }
  /** Tells the other side, and `onClosed`. Settles when the carrier took that. Idempotent. */
  close(error: ComputePoolError): Promise<void>
}

interface Content {
  readonly segments: readonly Segment[]
  readonly wasLimited: boolean
  readonly way: string | null
}

const tickMs = 500
const window = { initial: 10, least: 2 }
const longestProbeMs = 2000
const stalledAfterProbes = 3
/** A peer that computes for as long is silent too; its way is not at fault. */
const leastStallMs = 2000
/** Before the other side has said how much its queue holds. */
const untoldCredit = 4
const maxUnfinishedFrames = 128

export function createSealedSession(options: SealedSessionOptions): SealedSession {
  const { peer, cipher, clock, limits } = options
  const duty = createAckDuty(limits)
  const book = createSentBook<Content>()
  const rtt = createRttEstimate(limits.maxAckDelayMs)
  const sendWindow = createSendWindow({ ...window, most: limits.maxWindow })
  const throughput = createThroughput()
  const queue = createSegmentQueue({ segmentBytes: options.segmentBytes, maxUnfinished: maxUnfinishedFrames })
  const intake = createFrameIntake(limits)
  const counts = { sentPackets: 0, receivedPackets: 0, lostPackets: 0, probes: 0, duplicates: 0, forged: 0 }
  const silence = createSilenceWatch(limits, { nowMs: clock.monotonicMs(), tickMs })
  let ending: ComputePoolError | null = null
  let nextNumber = 0
  let credit = untoldCredit
  let elicitedAtMs = clock.monotonicMs()
  let probesInVain = 0
  let isConfirmed = options.isConfirmed
  // Who links expects frames.
  let frameAtMs = clock.monotonicMs()
  let measuredAtMs = Number.NEGATIVE_INFINITY
  let isBusy = true
  let armedAtMs = Number.POSITIVE_INFINITY
  let disarm = (): void => {}

  const roundTripMs = (): number => Math.max(rtt.smoothedMs, rtt.latestMs)
  const room = (): number => Math.min(sendWindow.size, credit)

  function pump(): void {
    if (ending) return
    const nowMs = clock.monotonicMs()
    while (book.inFlight < room()) {
      const segments = queue.take(nowMs)
      if (segments.length === 0) break
      // The last that may go while more waits: its ack is waited for, so it should not take its time.
      sendPacket(segments, book.inFlight + 1 >= room() && !queue.isEmpty)
    }
    if (duty.dueMs !== null && duty.dueMs <= nowMs) sendPacket([], false)
    arm()
  }

  function sendPacket(segments: readonly Segment[], isPing: boolean): void {
    const nowMs = clock.monotonicMs()
    const items: PacketItem[] = []
    if (duty.dueMs !== null) items.push({ type: 'ack', ...duty.take(nowMs, options.credit()) })
    if (isPing) items.push({ type: 'ping' })
    for (const segment of segments) {
      segment.copies += 1
      items.push({ type: 'segment', fragment: segment.fragment })
    }
    const number = nextNumber++
    if (segments.length > 0 || isPing) {
      elicitedAtMs = nowMs
      setBusy(true)
      book.add({
        number,
        sentAtMs: nowMs,
        content: { segments, wasLimited: book.inFlight + 1 >= room(), way: options.way() },
      })
    }
    postItems(number, items, segments)
  }

  function postItems(number: number, items: readonly PacketItem[], segments: readonly Segment[]): Promise<void> {
    counts.sentPackets += 1
    // A post that fails is a packet that is lost: it is missed and sent again, until silence ends the session.
    return options.post(cipher.seal(number, encodeItems(items))).then(
      () => {
        silence.notePost(true)
        queue.notePosted(segments)
      },
      (fault: unknown) => {
        silence.notePost(false)
        queue.notePosted(segments)
        const error = asComputePoolError(fault, 'peer_disconnected')
        if (error.code === 'peer_frame_too_large') void close(error)
      },
    )
  }

  function accept(header: PacketHeader, packet: Uint8Array): void {
    if (ending) return
    if (duty.has(header.number)) {
      counts.duplicates += 1
      return
    }
    const payload = cipher.open(header, packet)
    if (payload === null) {
      counts.forged += 1
      return
    }
    counts.receivedPackets += 1
    silence.noteHeard(clock.monotonicMs())
    if (!isConfirmed) silence.begin(clock.monotonicMs())
    isConfirmed = true
    options.onHeard()
    try {
      acceptItems(header.number, decodeItems(payload))
    } catch (fault) {
      void close(asComputePoolError(fault, 'peer_frame_invalid'))
    }
    pump()
  }

  function acceptItems(number: number, items: readonly PacketItem[]): void {
    const nowMs = clock.monotonicMs()
    const wantsAck = items.some(({ type }) => type === 'segment' || type === 'ping')
    const wantsItNow = items.some(({ type }) => type === 'ping')
    // Before any frame is handed up: an answer to it takes this ack along.
    duty.note(number, wantsItNow ? 'an ack at once' : wantsAck ? 'an ack' : 'nothing', nowMs)
    for (const item of items) {
      if (ending) return
      if (item.type === 'ack') acceptAck(item, nowMs)
      else if (item.type === 'segment') acceptSegment(item.fragment, nowMs)
      else if (item.type === 'close') end(problem(`${peer} closed the link`))
    }
  }

  function acceptAck({ ranges, delayMs: toldMs, credit: told }: Ack, nowMs: number): void {
    const delayMs = Math.min(toldMs, limits.maxAckDelayMs)
    if ((ranges[0]?.end ?? 0) > nextNumber) {
      throw new ComputePoolError('peer_frame_invalid', `${peer} acknowledged a packet that was never sent`, {
        remedy: 'Route over another peer.',
        context: { peer },
      })
    }
    credit = Math.max(1, told)
    const { acked, lost, sampleMs } = book.acknowledge(ranges, nowMs, roundTripMs())
    if (sampleMs !== null) noteRoundTrip(sampleMs, delayMs, nowMs)
    if (acked.length > 0) noteArrival(acked)
    for (const { content } of acked) {
      sendWindow.noteAcked(1, content.wasLimited)
      for (const segment of content.segments) {
        segment.copies -= 1
        const whole = queue.noteAcked(segment)
        if (whole) throughput.note(whole.sizeBytes, nowMs - whole.firstSentAtMs - delayMs - (rtt.leastMs ?? 0))
      }
    }
    noteLost(lost, nowMs)
    refreshBusy(nowMs)
  }

  function noteArrival(acked: readonly SentPacket<Content>[]): void {
    probesInVain = 0
    const { way } = acked.reduce((newest, packet) => (packet.number > newest.number ? packet : newest)).content
    if (way !== null && way !== options.way()) options.onWayProven(way)
  }

  function noteRoundTrip(sampleMs: number, delayMs: number, nowMs: number): void {
    rtt.note(sampleMs, delayMs, nowMs)
    if (nowMs - measuredAtMs < 1000) return
    measuredAtMs = nowMs
    options.onMeasured(rtt.leastMs ?? sampleMs)
  }

  function noteLost(packets: readonly SentPacket<Content>[], nowMs: number): void {
    for (const { sentAtMs, content } of packets) {
      counts.lostPackets += 1
      sendWindow.noteLost(sentAtMs, nowMs)
      for (const segment of content.segments) {
        segment.copies -= 1
        if (segment.copies === 0) queue.putBack(segment)
      }
    }
  }

  function acceptSegment(fragment: Uint8Array, nowMs: number): void {
    const frame = intake.accept(fragment, nowMs)
    if (frame === null) return
    noteFrame(nowMs)
    try {
      options.onFrame(frame)
    } catch (fault) {
      // Not the peer's doing. The frame is lost all the same, so nobody may go on as if it had been heard.
      void close(
        new ComputePoolError('bug_unreachable_state', `A frame of ${peer} was not handled: ${String(fault)}`, {
          remedy: 'Report this: the fault is in this peer, not in the other.',
          context: { peer },
        }),
      )
    }
  }

  /** When nothing came back for so long: the oldest once more, for an ack that tells what is lost. */
  function probe(): void {
    const nowMs = clock.monotonicMs()
    counts.probes += 1
    probesInVain += 1
    const stallMs = Math.max(leastStallMs, 3 * rtt.probeTimeoutMs)
    if (probesInVain >= stalledAfterProbes && silence.takeStall(stallMs)) options.onStalled()
    const segments = book.oldest?.content.segments.filter(segment => !segment.isAcked) ?? []
    sendPacket(segments, true)
    elicitedAtMs = nowMs
  }

  const probeAtMs = (): number => {
    if (book.inFlight === 0) return Number.POSITIVE_INFINITY
    const waitMs = rtt.probeTimeoutMs * 2 ** probesInVain
    return elicitedAtMs + Math.min(waitMs, longestProbeMs)
  }

  function arm(): void {
    if (!isConfirmed) return
    const dueMs = [duty.dueMs, book.lossAtMs, probeAtMs(), silence.tickedAtMs + tickMs]
    const atMs = dueMs.reduce<number>((least, due) => Math.min(least, due ?? least), Number.POSITIVE_INFINITY)
    if (atMs >= armedAtMs) return
    disarm()
    armedAtMs = atMs
    disarm = clock.schedule(Math.max(0, atMs - clock.monotonicMs()), wake)
  }

  function wake(): void {
    armedAtMs = Number.POSITIVE_INFINITY
    if (ending) return
    const nowMs = clock.monotonicMs()
    if (book.lossAtMs !== null && book.lossAtMs <= nowMs) noteLost(book.takeLost(nowMs, roundTripMs()), nowMs)
    if (probeAtMs() <= nowMs) probe()
    if (nowMs - silence.tickedAtMs >= tickMs) tick(nowMs)
    pump()
  }

  function tick(nowMs: number): void {
    silence.tick(nowMs)
    const late = intake.expire(nowMs)
    if (late) return void close(late)
    const verdict = silence.verdict()
    if (verdict !== null) return void close(problem(`${peer} ${verdict}`))
    if (book.inFlight === 0 && nowMs - elicitedAtMs >= limits.pingIntervalMs) sendPacket([], true)
    refreshBusy(nowMs)
  }

  function refreshBusy(nowMs: number): void {
    setBusy(nowMs - frameAtMs < limits.busyForMs || book.inFlight > 0)
  }
  function noteFrame(nowMs: number): void {
    frameAtMs = nowMs
    silence.noteTraffic(nowMs)
    setBusy(true)
  }
  function setBusy(next: boolean): void {
    if (isBusy === next) return
    isBusy = next
    options.onBusy(next)
  }

  function end(error: ComputePoolError): void {
    if (ending) return
    ending = error
    disarm()
    duty.clear()
    queue.fail(error)
    book.clear()
    intake.clear()
    setBusy(false)
    options.onClosed(error)
  }

  async function close(error: ComputePoolError): Promise<void> {
    if (ending) return
    // Twice, because nobody acknowledges it. If both are lost, the other side's silence limit tells.
    const posts = [0, 1].map(() => postItems(nextNumber++, [{ type: 'close' }], []))
    end(error)
    await Promise.all(posts)
  }

  const problem = (message: string): ComputePoolError =>
    new ComputePoolError('peer_disconnected', message, { remedy: 'Route over another peer.', context: { peer } })

  arm()
  return {
    async send(frame, signal) {
      noteFrame(clock.monotonicMs())
      await queue.send(frame, signal, pump)
    },
    accept,
    ping() {
      if (ending) return
      sendPacket([], true)
      arm()
    },
    noteAssigned: silence.noteAssigned,
    get rttMs() {
      return rtt.leastMs
    },
    get bytesPerSecond() {
      return throughput.bytesPerSecond
    },
    get counts() {
      return { ...counts }
    },
    get held() {
      return { unackedBytes: queue.unackedBytes, pendingBytes: intake.pendingBytes, packets: book.inFlight }
    },
    close,
  }
}
