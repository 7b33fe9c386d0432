/**
 * One request as a Chrome trace (the JSON that catapult's `chrome://tracing` and ui.perfetto.dev open): a process a peer, with threads
 * for computing, waiting and the wire. Pure.
 *
 * Peers' clocks are not synchronised, so nothing here is a stamp of theirs: only durations are. Each hop is placed by the start of its
 * lap, and the time that neither engine nor queue explains is dealt out to the hops by their measured round trips.
 */
import { lapParts } from '@computepool/shared/pipeline'
import type { HopTrace } from '@computepool/shared/wire'
import type { LoggedLap } from './lap-log.ts'
import type { RoundTrips, TracedAttempt, TracedRequest } from './trace-store.ts'
import { createTracks, orchestratorPid, type TraceEvent } from './trace-tracks.ts'

export interface ChromeTrace {
  readonly traceEvents: readonly TraceEvent[]
  readonly displayTimeUnit: 'ms'
  readonly otherData: Readonly<Record<string, string | number | boolean | null>>
}

/** A check's end is a moment: so wide, it can be seen. */
const drawnCheckMs = 1
/** Of one file: what a browser still opens. Laps beyond it are counted, not drawn. */
const mostEvents = 200_000

/** Its events as of now: a request that runs still may be asked for. */
export function chromeTraceOf(request: TracedRequest, nowMs: number): ChromeTrace {
  const tracks = createTracks(request.submittedAtMs)
  let undrawn = 0
  tracks.name(orchestratorPid, 'orchestrator')
  const endMs = request.endedAtMs ?? nowMs
  const laps = request.attempts.map(({ log }) => log.laps())
  const { attempts } = request
  attempts.forEach((attempt, index) => {
    const before = attempts[index - 1]
    const fromMs = before === undefined ? request.submittedAtMs : (before.endedAtMs ?? attempt.flowingAtMs)
    const name = before === undefined ? 'queued and sent' : 'waiting for another attempt'
    tracks.add(orchestratorPid, 'request', { name, startMs: fromMs, endMs: attempt.flowingAtMs })
    addAttempt(attempt, index, laps[index]!)
  })
  for (const { atMs, outcome } of request.checks) {
    tracks.add(orchestratorPid, 'checks', { name: `check: ${outcome}`, startMs: atMs, endMs: atMs + drawnCheckMs })
  }
  const last = attempts.at(-1)
  if (last === undefined || (last.endedAtMs !== null && last.endedAtMs < endMs)) {
    const name = last === undefined ? 'queued and sent' : 'waiting for another attempt'
    tracks.add(orchestratorPid, 'request', { name, startMs: last?.endedAtMs ?? request.submittedAtMs, endMs })
  }
  return {
    traceEvents: tracks.events(),
    displayTimeUnit: 'ms',
    otherData: {
      requestId: request.requestId,
      submittedAt: new Date(request.submittedWallMs).toISOString(),
      outcome: request.outcome ?? 'running',
      promptTokens: request.promptTokens,
      tokens: laps.flat().reduce((sum, lap) => sum + lap.tokens, 0),
      laps: laps.flat().length,
      lapsLeftOut: undrawn + attempts.reduce((sum, { log }) => sum + log.leftOut(), 0),
      attempts: attempts.length,
      zero: 'The moment at which the orchestrator took the request.',
      clocks:
        'Peers’ clocks are not synchronised: durations are theirs, places are derived. A lap ends when the orchestrator hears of its token and starts its measured length earlier; its hops follow one another from there.',
      wire: attempts.some(({ roundTrips }) => roundTrips.size > 0)
        ? 'Lap minus compute and queues, dealt out to the hops by the measured round trips of their links (a link without one counts as the mean of the others).'
        : 'Lap minus compute and queues, dealt out to the hops equally: no round trip was known.',
      prompt:
        'The first lap of an attempt is the pass of the last chunk of its prompt; earlier chunks are told as one stretch, without hops.',
    },
  }

  function addAttempt(attempt: TracedAttempt, index: number, logged: readonly LoggedLap[]): void {
    const attemptEndMs = attempt.endedAtMs ?? endMs
    const args = { wireId: attempt.wireId, outcome: attempt.outcome ?? 'running' }
    const startMs = attempt.flowingAtMs
    tracks.add(orchestratorPid, 'request', { name: `attempt ${index + 1}`, startMs, endMs: attemptEndMs, args })
    for (const { seat, peer, layers, engine } of attempt.seats) {
      tracks.peer(peer, `seat ${seat}: layers ${layers.start}–${layers.end - 1}, ${engine}, ${peer}`, seat)
    }
    const first = logged[0]
    if (first !== undefined && first.atMs - first.lapMs > startMs) {
      tracks.add(orchestratorPid, 'laps', {
        name: 'earlier chunks of the prompt',
        startMs,
        endMs: first.atMs - first.lapMs,
      })
    }
    logged.forEach((lap, lapIndex) => {
      if (tracks.count() < mostEvents) addLap(attempt, lap, lapIndex)
      else undrawn++
    })
  }

  function addLap({ seats, roundTrips }: TracedAttempt, lap: LoggedLap, index: number): void {
    const { computeMs, queueMs, wireMs } = lapParts(lap.lapMs, lap.hops)
    const startMs = lap.atMs - lap.lapMs
    const name = index === 0 ? 'prompt' : `lap ${index}`
    const args = { tokens: lap.tokens, lapMs: lap.lapMs, computeMs, queueMs, wireMs }
    tracks.add(orchestratorPid, 'laps', { name, startMs, endMs: lap.atMs, args })
    const peerOf = (seat: number): string => seats.find(other => other.seat === seat)?.peer ?? `seat ${seat}`
    const weights = wireWeights(lap.hops, peerOf, roundTrips)
    let atMs = startMs
    lap.hops.forEach((hop, hopIndex) => {
      const peer = peerOf(hop.seat)
      // The entry's lap begins with its step: what it waited before lies before the lap.
      const queuedFromMs = hopIndex === 0 ? atMs - hop.queueMs : atMs
      const computeFromMs = queuedFromMs + hop.queueMs
      const sentAtMs = computeFromMs + hop.computeMs
      atMs = sentAtMs + wireMs * weights[hopIndex]!
      const pid = tracks.peer(peer, peer, hop.seat)
      tracks.add(pid, 'queue', { name: `wait, ${name}`, startMs: queuedFromMs, endMs: computeFromMs })
      tracks.add(pid, 'compute', { name, startMs: computeFromMs, endMs: sentAtMs, args: { seat: hop.seat } })
      tracks.add(pid, 'wire', { name: `send, ${name}`, startMs: sentAtMs, endMs: atMs, args: { derived: true } })
    })
  }
}

/** Shares of the wire's time, one a hop, 1 together. */
function wireWeights(hops: readonly HopTrace[], peerOf: (seat: number) => string, roundTrips: RoundTrips): number[] {
  const known = hops.map(({ seat }) => roundTrips.get(peerOf(seat)) ?? null)
  const measured = known.filter(ms => ms !== null)
  const meanMs = measured.reduce((sum, ms) => sum + ms, 0) / measured.length
  // Also where all links are too quick to be measured: 0 of 0 is no share.
  if (!(meanMs > 0)) return hops.map(() => 1 / hops.length)
  const weights = known.map(ms => ms ?? meanMs)
  const whole = weights.reduce((sum, ms) => sum + ms, 0)
  return weights.map(ms => ms / whole)
}
