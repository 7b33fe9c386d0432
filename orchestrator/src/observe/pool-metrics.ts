/**
 * What the pool did, counted for Prometheus. Labels have few values by construction: outcomes, error codes, seats, phases; never a
 * request, a wallet or an address. It knows no HTTP.
 */
import { lapParts } from '@computepool/shared/pipeline'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import type { HopTrace } from '@computepool/shared/wire'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export interface PoolMetrics {
  submitted(promptTokens: number): void
  /** Never begun: the desk threw. */
  refused(code: string): void
  /** An attempt's first activation has left. */
  flowing(cachedTokens: number): void
  token(): void
  firstToken(ms: number): void
  betweenTokens(ms: number): void
  /** One token's lap; tokens that came together count it once each. */
  lap(lapMs: number, hops: readonly HopTrace[]): void
  /** An attempt was lost, and another is awaited: on another ring, or the same. */
  moved(): void
  /** The first token after a move: how long the client saw none. */
  resumed(silenceMs: number): void
  ended(outcome: string, tokens: number): void
  /** Receipts of an attempt were settled: verdict of all of them. */
  receipted(verdict: string): void
  /** A seat's work was checked, or was to be. */
  checked(outcome: string): void
  statusChanged(status: PoolSnapshot['status'], atMs: number): void
  /** In Prometheus' text format. */
  text(): Promise<string>
  readonly contentType: string
}

export interface MemoryUse {
  readonly residentBytes: number
  readonly heapUsedBytes: number
  readonly externalBytes: number
}

export interface PoolMetricsOptions {
  /** Asked at each scrape; null before the desk is there. */
  readonly snapshot: () => PoolSnapshot | null
  readonly memory: () => MemoryUse
}

const stepSeconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]
const waitSeconds = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120]
/** Seats of the biggest coalition on the wire; what lies beyond is nobody's. */
const mostSeats = 64

export function createPoolMetrics({ snapshot, memory }: PoolMetricsOptions): PoolMetrics {
  const registry = new Registry()
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name: `computepool_${name}`, help, labelNames, registers })
  const histogram = <L extends string>(name: string, help: string, buckets: number[], labelNames: readonly L[] = []) =>
    new Histogram({ name: `computepool_${name}`, help, buckets, labelNames, registers })

  const requests = counter('requests_total', 'Requests that are over, by what ended them', ['outcome'])
  const refusals = counter('requests_refused_total', 'Requests that the desk did not take, by error code', ['code'])
  const promptTokens = counter('prompt_tokens_total', 'Tokens of the prompts that were taken')
  const cachedTokens = counter('cached_prompt_tokens_total', 'Positions of prompts that an earlier cache held')
  const cacheHits = counter('prefix_cache_hits_total', 'Attempts that began with a cache that an earlier answer left')
  const tokens = counter('tokens_total', 'Tokens that were generated')
  const answerTokens = histogram('answer_tokens', 'Tokens of an answer that is over', [1, 8, 32, 128, 512, 2048, 8192])
  const first = histogram('time_to_first_token_seconds', 'From taking a request to its first token', waitSeconds)
  const between = histogram('time_between_tokens_seconds', 'Between two tokens of an answer', stepSeconds)
  const laps = histogram('lap_seconds', 'One token’s way around a ring, measured at its entry', stepSeconds)
  const wire = histogram('lap_wire_seconds', 'Part of a lap that neither an engine nor a queue explains', stepSeconds)
  const compute = histogram('seat_compute_seconds', 'Part of a lap that a seat computed', stepSeconds, ['seat'])
  const queue = histogram('seat_queue_seconds', 'Part of a lap that a step waited at a seat', stepSeconds, ['seat'])
  const moves = counter(
    'request_moves_total',
    'Times that an attempt at an answer was lost and another awaited, on another ring or the same',
  )
  const silence = histogram(
    'move_silence_seconds',
    'From the last token before a move to the first after it',
    waitSeconds,
  )
  const receipts = counter('receipts_total', 'Attempts at answers whose receipts were settled, by verdict', ['verdict'])
  const checks = counter('checks_total', 'Checks of seats’ work that are over, by how they ended', ['outcome'])
  const forming = histogram('ring_formation_seconds', 'From dealing seats to a ring that serves', waitSeconds)
  const outages = histogram('outage_seconds', 'From the last ready ring to the next', waitSeconds)

  new Counter({
    name: 'computepool_challenges_total',
    help: 'Short requests of the pool’s own through idle rings, to check them, that ran to their end',
    registers,
    collect() {
      this.reset()
      this.inc(snapshot()?.checks?.challenges ?? 0)
    },
  })

  new Counter({
    name: 'computepool_slice_challenges_total',
    help: 'Challenges of slices held without a seat that are over, by how they ended',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset()
      const { proved = 0, wrong = 0, unproved = 0 } = snapshot()?.checks?.slices ?? {}
      for (const [outcome, count] of Object.entries({ proved, wrong, unproved })) this.inc({ outcome }, count)
    },
  })

  new Counter({
    name: 'computepool_second_looks_total',
    help: 'Checks that two auditors computed, one not knowing of the other; those in which they had not computed the same; auditors shown not to have computed; answers refused for want of a sketch',
    labelNames: ['what'],
    registers,
    collect() {
      this.reset()
      const { audited = 0, disputed = 0, lazy = 0, uncomputed = 0 } = snapshot()?.checks ?? {}
      for (const [what, count] of Object.entries({ audited, disputed, lazy, uncomputed })) this.inc({ what }, count)
    },
  })

  const gauge = <L extends string>(
    name: string,
    help: string,
    read: (gauge: Gauge<L>, pool: PoolSnapshot) => void,
    labelNames: readonly L[] = [],
  ) =>
    new Gauge({
      name: `computepool_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        const pool = snapshot()
        this.reset()
        if (pool !== null) read(this, pool)
      },
    })
  gauge('requests_running', 'Requests that a ring works on', (it, pool) => it.set(pool.activeRequests))
  gauge('requests_queued', 'Requests that wait for a ring or a place', (it, pool) => it.set(pool.queuedRequests))
  gauge('ready', '1 while a ring takes new requests', (it, pool) => it.set(pool.status === 'ready' ? 1 : 0))
  const readPeers = (it: Gauge<'phase'>, { seats, rings, waitingPeers }: PoolSnapshot): void => {
    for (const { status } of rings?.flatMap(ring => ring.seats) ?? seats) it.inc({ phase: status })
    for (const { isReady } of rings?.flatMap(ring => ring.standbys) ?? []) {
      it.inc({ phase: isReady ? 'standing-by' : 'preparing' })
    }
    it.set({ phase: 'waiting' }, waitingPeers)
  }
  const readRings = (it: Gauge<'status'>, { rings = [] }: PoolSnapshot): void => {
    for (const { status } of rings) it.inc({ status })
  }
  gauge('rings', 'Coalitions, by what they do', readRings, ['status'])
  gauge('peers', 'Peers, by what they do; "waiting" have no seat, standbys among them', readPeers, ['phase'])
  const readLinks = (it: Gauge<'seat'>, { seats }: PoolSnapshot): void => {
    for (const { seat, linkRttMs } of seats) if (linkRttMs !== null) it.set({ seat }, linkRttMs / 1000)
  }
  gauge('link_round_trip_seconds', 'Measured, from a seat to the next', readLinks, ['seat'])
  const memoryGauge = (name: string, help: string, pick: (use: MemoryUse) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(pick(memory()))
      },
    })
  memoryGauge('process_resident_memory_bytes', 'Resident memory', use => use.residentBytes)
  memoryGauge('nodejs_heap_size_used_bytes', 'Heap in use', use => use.heapUsedBytes)
  memoryGauge('nodejs_external_memory_bytes', 'Memory outside the heap that is bound to it', use => use.externalBytes)

  let formingSinceMs: number | null = null
  let outSinceMs: number | null = null
  let hasServed = false

  return {
    submitted: count => promptTokens.inc(count),
    refused: code => refusals.inc({ code }),
    flowing: cached => {
      if (cached <= 0) return
      cacheHits.inc()
      cachedTokens.inc(cached)
    },
    token: () => tokens.inc(),
    firstToken: ms => first.observe(ms / 1000),
    betweenTokens: ms => between.observe(ms / 1000),
    lap: (lapMs, hops) => {
      laps.observe(lapMs / 1000)
      wire.observe(lapParts(lapMs, hops).wireMs / 1000)
      for (const { seat, computeMs, queueMs } of hops) {
        if (seat >= mostSeats) continue
        compute.observe({ seat }, computeMs / 1000)
        queue.observe({ seat }, queueMs / 1000)
      }
    },
    moved: () => moves.inc(),
    resumed: ms => silence.observe(ms / 1000),
    ended: (outcome, count) => {
      requests.inc({ outcome })
      answerTokens.observe(count)
    },
    receipted: verdict => receipts.inc({ verdict }),
    checked: outcome => checks.inc({ outcome }),
    statusChanged: (status, atMs) => {
      if (status === 'ready') {
        if (formingSinceMs !== null) forming.observe((atMs - formingSinceMs) / 1000)
        if (outSinceMs !== null) outages.observe((atMs - outSinceMs) / 1000)
        hasServed = true
      }
      formingSinceMs = status === 'forming' ? (formingSinceMs ?? atMs) : null
      outSinceMs = status === 'ready' || !hasServed ? null : (outSinceMs ?? atMs)
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
