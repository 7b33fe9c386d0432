/**
 * What the recent requests did, kept for whoever asks for their traces: attempts, the seats of each, its laps. Bounded in requests,
 * laps and memory, the oldest going first. It knows no HTTP and no text: neither prompt nor answer passes here.
 */
import type { HopTrace } from '@computepool/shared/wire'
import type { RingSeat } from '../dispatch/ring.ts'
import { createLapLog, type LapLog } from './lap-log.ts'

/** Round trips of links by peer, to the next seat of its ring, ms. */
export type RoundTrips = ReadonlyMap<string, number>

/** One ring's work on a request. */
export interface TracedAttempt {
  /** The id under which that ring knew it. */
  readonly wireId: string
  readonly flowingAtMs: number
  readonly seats: readonly RingSeat[]
  roundTrips: RoundTrips
  readonly log: LapLog
  endedAtMs: number | null
  outcome: string | null
}

export interface TracedRequest {
  readonly requestId: string
  readonly submittedAtMs: number
  readonly submittedWallMs: number
  readonly promptTokens: number
  readonly attempts: TracedAttempt[]
  /** Of its seats' work, most of them after its end. */
  readonly checks: { readonly atMs: number; readonly outcome: string }[]
  endedAtMs: number | null
  outcome: string | null
}

export interface TraceStore {
  begin(request: Pick<TracedRequest, 'requestId' | 'submittedAtMs' | 'submittedWallMs' | 'promptTokens'>): void
  attempt(requestId: string, attempt: Pick<TracedAttempt, 'wireId' | 'flowingAtMs' | 'seats' | 'roundTrips'>): void
  lap(requestId: string, lap: { atMs: number; lapMs: number; trace: readonly HopTrace[] }): void
  endAttempt(requestId: string, atMs: number, outcome: string, roundTrips: RoundTrips): void
  end(requestId: string, atMs: number, outcome: string): void
  /** A check of one of its seats is over. `wireId`: of the request, or of an attempt. */
  checked(wireId: string, outcome: string, atMs: number): void
  /** By its id, or by that of one of its attempts; null where it is unknown or forgotten. */
  find(id: string): TracedRequest | null
}

export interface TraceBounds {
  readonly mostRequests: number
  /** Of one attempt. */
  readonly mostLaps: number
  /** Of one request: one that moves from ring to ring for ever is not kept for ever. */
  readonly mostAttempts: number
  /** Numbers of all laps together; 8 bytes each. */
  readonly mostNumbers: number
}

const mostChecks = 64

export const traceBounds: TraceBounds = { mostRequests: 64, mostLaps: 4096, mostAttempts: 32, mostNumbers: 4 << 20 }

export function createTraceStore(bounds: TraceBounds = traceBounds): TraceStore {
  const requests = new Map<string, TracedRequest>()
  const lastAttempt = (requestId: string): TracedAttempt | undefined => requests.get(requestId)?.attempts.at(-1)
  const sizeOf = ({ attempts }: TracedRequest): number => attempts.reduce((sum, { log }) => sum + log.size, 0)

  const dropOldest = (): void => {
    // Ended ones first: a request that runs is the one that will be asked for.
    for (const [id, { endedAtMs }] of requests) {
      if (endedAtMs !== null) return void requests.delete(id)
    }
    requests.delete(requests.keys().next().value!)
  }

  const keepWithinBounds = (): void => {
    while (requests.size > bounds.mostRequests) dropOldest()
    let numbers = [...requests.values()].reduce((sum, request) => sum + sizeOf(request), 0)
    while (numbers > bounds.mostNumbers && requests.size > 1) {
      dropOldest()
      numbers = [...requests.values()].reduce((sum, request) => sum + sizeOf(request), 0)
    }
  }

  const find = (id: string): TracedRequest | null => {
    const known = requests.get(id)
    if (known !== undefined) return known
    for (const request of requests.values()) {
      if (request.attempts.some(({ wireId }) => wireId === id)) return request
    }
    return null
  }

  return {
    begin: request => {
      requests.set(request.requestId, { ...request, attempts: [], checks: [], endedAtMs: null, outcome: null })
      keepWithinBounds()
    },
    attempt: (requestId, attempt) => {
      const request = requests.get(requestId)
      if (request === undefined) return
      if (request.attempts.length >= bounds.mostAttempts) request.attempts.splice(1, 1)
      request.attempts.push({ ...attempt, log: createLapLog(bounds.mostLaps), endedAtMs: null, outcome: null })
    },
    lap: (requestId, { atMs, lapMs, trace }) => {
      const attempt = lastAttempt(requestId)
      if (attempt === undefined) return
      const before = attempt.log.size
      attempt.log.add(atMs, lapMs, trace)
      if (attempt.log.size !== before) keepWithinBounds()
    },
    endAttempt: (requestId, atMs, outcome, roundTrips) => {
      const attempt = lastAttempt(requestId)
      if (attempt === undefined || attempt.endedAtMs !== null) return
      attempt.endedAtMs = atMs
      attempt.outcome = outcome
      if (roundTrips.size > 0) attempt.roundTrips = roundTrips
    },
    end: (requestId, atMs, outcome) => {
      const request = requests.get(requestId)
      if (request === undefined) return
      request.endedAtMs = atMs
      request.outcome = outcome
    },
    checked: (wireId, outcome, atMs) => {
      const checks = find(wireId)?.checks
      if (checks !== undefined && checks.length < mostChecks) checks.push({ atMs, outcome })
    },
    find,
  }
}
