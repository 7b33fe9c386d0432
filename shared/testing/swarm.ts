/**
 * A coalition of fake engines in one process: N peers on the loopback, one clock that tests move, a seed for every delay. It plays
 * the orchestrator's part (jobs in, reports out) and knows how a whole model answers alone.
 */
import { rowTokens } from '@computepool/shared/engine'
import type { ErrorData } from '@computepool/shared/errors'
import {
  type FrameKeeper,
  type Pipeline,
  type RequestJob,
  runPipeline,
  type SeatConfig,
} from '@computepool/shared/pipeline'
import type { EngineRow, Transport } from '@computepool/shared/ports'
import {
  type ReceiptBody,
  type ReceiptedAttempt,
  type ReceiptVerdict,
  verifyReceipts,
} from '@computepool/shared/receipts'
import type { DeskRequest, Seat } from '@computepool/shared/wire'
import { type FakeEngine, type FakeEngineOptions, openFakeEngine } from './fake-engine.ts'
import { fakeManifest } from './fake-manifest.ts'
import { createLoopbackNetwork, type LoopbackNetwork, type LoopbackOptions } from './loopback-transport.ts'
import { createManualClock, type ManualClock } from './manual-clock.ts'

export interface SwarmOptions {
  readonly peers: number
  readonly link?: Omit<LoopbackOptions, 'clock'>
  readonly engine?: (seat: number) => FakeEngineOptions
  readonly seat?: Partial<SeatConfig>
  readonly manifest?: ReturnType<typeof fakeManifest>
  /** Simulated time of one engine step, or what it takes at a seat for the positions of each row. */
  readonly stepMs?: number | ((seat: number, tokens: readonly number[]) => number)
  /** … and, of a number, what each position beyond the first adds to it. */
  readonly rowMs?: number
  /** What a peer puts between itself and the network. */
  readonly transport?: (seat: number, transport: Transport) => Transport
  /** Who keeps what a seat's receipts speak of. */
  readonly keeper?: (seat: number) => FrameKeeper
  /** What a peer makes of its receipt before it tells it; null tells none. */
  readonly receipt?: (seat: number, receipt: ReceiptBody) => ReceiptBody | null
}

export interface Swarm {
  readonly clock: ManualClock
  readonly network: LoopbackNetwork
  readonly peers: readonly string[]
  readonly engines: readonly FakeEngine[]
  readonly pipelines: readonly Pipeline[]
  /** What the entry told the orchestrator, in order. */
  readonly reports: readonly DeskRequest[]
  /** Peers that were shut out, by whom and why. */
  readonly dropped: readonly { readonly by: string; readonly peer: string; readonly error: ErrorData }[]
  tokensOf(requestId: string): number[]
  /** When the entry told each token, by the manual clock. */
  tokenTimesOf(requestId: string): number[]
  /** What the seats said of their work, in order. */
  readonly receipts: readonly ReceiptBody[]
  /** What a desk knows of the request, with the receipts as they would come; nobody has a session key, or has signed. */
  attemptOf(requestId: string): ReceiptedAttempt
  /** What a desk makes of the request's receipts; peers that were removed from the network owe none. */
  verdictOf(requestId: string): ReceiptVerdict
  /** The one report that ended the request; throws where there are two. */
  endOf(requestId: string): Extract<DeskRequest, { type: 'request-finished' | 'request-failed' }> | undefined
  /** Moves time until the request has ended; throws where its receipts, of peers that hide nothing, do not fit together. */
  untilEnd(requestId: string): Promise<void>
  /** Bytes of all caches. */
  cacheBytes(): number
}

/** Peer ids as the wire wants them, told apart by their first digits. */
export function fakePeer(index: number): string {
  return `0x${(index + 1).toString(16).padStart(40, '0')}.00000000`
}

/** Layers dealt as evenly as they go, the first seats one more. */
export function dealSeats(peers: readonly string[], layers: number): Seat[] {
  let start = 0
  return peers.map((peer, seat) => {
    const end = start + Math.floor(layers / peers.length) + (seat < layers % peers.length ? 1 : 0)
    const dealt = { seat, peer, layers: { start, end } }
    start = end
    return dealt
  })
}

export function openSwarm(options: SwarmOptions): Swarm {
  const clock = createManualClock()
  const network = createLoopbackNetwork({ clock, ...options.link })
  const manifest = options.manifest ?? fakeManifest()
  const peers = Array.from({ length: options.peers }, (_, index) => fakePeer(index))
  const seats = dealSeats(peers, manifest.dimensions.layers)
  const reports: DeskRequest[] = []
  const reportedAtMs: number[] = []
  const receipts: ReceiptBody[] = []
  const jobs = new Map<string, RequestJob>()
  const removed = new Set<string>()
  const dropped: { by: string; peer: string; error: ErrorData }[] = []
  const { stepMs: cost = 1, rowMs = 0 } = options
  const wait = (seat: number, rows: readonly EngineRow[]): Promise<void> => {
    const tokens = rows.map(rowTokens)
    const positions = tokens.reduce((sum, count) => sum + count, 0)
    const stepMs = typeof cost === 'number' ? cost + rowMs * (positions - 1) : cost(seat, tokens)
    return new Promise(resolve => clock.schedule(stepMs, resolve))
  }

  const engines = seats.map(({ seat, layers }) => {
    const extra = options.engine?.(seat) ?? {}
    return openFakeEngine(
      { manifest, layers },
      {
        ...extra,
        async beforeStep(rows) {
          await wait(seat, rows)
          await extra.beforeStep?.(rows)
        },
      },
    )
  })
  const epoch = options.seat?.epoch ?? 1
  const pipelines = seats.map(({ seat, peer }): Pipeline => {
    const transport = network.transport(peer)
    const pipeline = runPipeline({
      seat: {
        epoch: 1,
        coalition: 'swarm',
        seat,
        seats,
        hidden: manifest.dimensions.hidden,
        maxContext: manifest.dimensions.context,
        maxRequests: 8,
        ...options.seat,
      },
      engine: engines[seat]!,
      transport: options.transport?.(seat, transport) ?? transport,
      clock,
      ...(options.keeper === undefined ? {} : { keeper: options.keeper(seat) }),
      report: message => {
        reports.push(message)
        reportedAtMs.push(clock.monotonicMs())
      },
      giveReceipt: receipt => {
        const given = options.receipt === undefined ? receipt : options.receipt(seat, receipt)
        if (given !== null) receipts.push(given)
      },
      dropPeer: (dropping, error) => {
        dropped.push({ by: peer, peer: dropping, error })
        network.cut(peer, dropping)
      },
    })
    return {
      ...pipeline,
      submit(job) {
        jobs.set(job.requestId, job)
        pipeline.submit(job)
      },
    }
  })
  network.connectAll(peers)

  const endOf: Swarm['endOf'] = requestId => {
    const ends = reports.filter(
      (report): report is NonNullable<ReturnType<Swarm['endOf']>> =>
        (report.type === 'request-finished' || report.type === 'request-failed') && report.requestId === requestId,
    )
    if (ends.length > 1) throw new Error(`Request ${requestId} ended ${ends.length} times: ${JSON.stringify(ends)}`)
    return ends[0]
  }
  const tokensOf = (requestId: string): number[] =>
    reports.flatMap(report =>
      report.type === 'token-generated' && report.requestId === requestId ? [report.sampled.token] : [],
    )
  const attemptOf = (requestId: string): ReceiptedAttempt => {
    const { nonce = '', promptTokens, generatedTokens = [], reuse } = jobs.get(requestId)!
    const end = endOf(requestId)
    const heardTokens = tokensOf(requestId)
    return {
      coalition: 'swarm',
      epoch,
      requestId,
      nonce,
      seats: seats.map(seat => ({ ...seat, key: '', isExempt: removed.has(seat.peer) })),
      receipts: receipts
        .filter(receipt => receipt.requestId === requestId)
        .map(receipt => ({ ...receipt, signature: '' })),
      sentTokens: [...promptTokens, ...generatedTokens],
      reusedPositions: reuse?.positions ?? 0,
      heardTokens,
      // One that was over before it began has reached nobody.
      isComplete: end?.type === 'request-finished' && end.reason !== 'cancelled' && heardTokens.length > 0,
    }
  }
  // Keys and signatures have tests of their own: thousands of signatures would take longer than all the rest.
  const verdictOf = (requestId: string): ReceiptVerdict => verifyReceipts(attemptOf(requestId), () => true)
  const isHonest = options.receipt === undefined && options.transport === undefined
  return {
    clock,
    network: {
      ...network,
      remove(peer) {
        removed.add(peer)
        network.remove(peer)
      },
    },
    peers,
    engines,
    pipelines,
    reports,
    dropped,
    endOf,
    receipts,
    attemptOf,
    verdictOf,
    tokensOf,
    tokenTimesOf: requestId =>
      reports.flatMap((report, index) =>
        report.type === 'token-generated' && report.requestId === requestId ? [reportedAtMs[index]!] : [],
      ),
    async untilEnd(requestId) {
      for (let turn = 0; endOf(requestId) === undefined; turn += 1) {
        if (turn > 200_000) throw new Error(`Request ${requestId} did not end in 2,000 s of manual time`)
        await clock.advance(10)
      }
      await clock.advance(2000)
      const { verdict, faults } = verdictOf(requestId)
      if (isHonest && verdict !== 'whole') throw new Error(`Request ${requestId}: ${JSON.stringify(faults)}`)
    },
    cacheBytes: () => engines.reduce((sum, engine) => sum + engine.memory().kvBytes, 0),
  }
}

/** A job of `promptLength` tokens that a seed chooses. */
export function fakeJob(requestId: string, options: Partial<RequestJob> & Pick<RequestJob, 'sampling'>): RequestJob {
  return { requestId, promptTokens: [5, 9, 2], maxTokens: 8, stopTokens: [], nonce: '5c'.repeat(32), ...options }
}
