/**
 * Measures a link's round trip by pings, a few times a second while it idles and more while frames pass, which also keeps the path
 * warm. Silence of the other side is found here too. It knows neither channels nor frames.
 */
import type { Clock } from '@computepool/shared/ports'
import { createSilenceJudge } from './silence-judge.ts'

export interface RoundTripOptions {
  readonly clock: Clock
  readonly sendPing: (nonce: number) => void
  /** Told at most once a second. */
  readonly onMeasured: (rttMs: number) => void
  /** Nothing was heard for so long, while this side listened; told once. */
  readonly onSilence: (silentMs: number) => void
  readonly idleIntervalMs: number
  readonly busyIntervalMs: number
  readonly silenceLimitMs: number
  /** While frames pass, where the other side was prompt before. */
  readonly busySilenceLimitMs: number
}

export interface RoundTrip {
  readonly rttMs: number | null
  /** A frame passed, in either direction. */
  noteTraffic(): void
  /** Anything arrived. */
  noteHeard(): void
  /** A new assignment: the other side may load before it works again. */
  noteAssigned(): void
  acceptPong(nonce: number): void
  stop(): void
}

const busyForMs = 1000
/**
 * The least of the last samples counts: a pong that waited behind an engine's step says how busy the worker is, not how long the
 * way. So they span a while, in which some step ends, and while pings are rare at least a few.
 */
const keptMs = 2000
const keptSamples = 8

export function measureRoundTrip(options: RoundTripOptions): RoundTrip {
  const { clock, idleIntervalMs, busyIntervalMs } = options
  const silence = createSilenceJudge(
    { idleMs: options.silenceLimitMs, busyMs: options.busySilenceLimitMs, lookMs: 2 * idleIntervalMs },
    clock.monotonicMs(),
  )
  const sentAtMs = new Map<number, number>()
  let nonce = 0
  const samples: { readonly atMs: number; readonly rttMs: number }[] = []
  let rttMs: number | null = null
  let toldAtMs = Number.NEGATIVE_INFINITY
  let trafficAtMs = Number.NEGATIVE_INFINITY
  let isStopped = false
  let cancel = (): void => {}

  function beat(): void {
    if (isStopped) return
    const nowMs = clock.monotonicMs()
    const silentMs = silence.look(nowMs)
    if (silentMs !== null) {
      stop()
      options.onSilence(silentMs)
      return
    }
    nonce = (nonce + 1) >>> 0
    sentAtMs.set(nonce, nowMs)
    // Pongs that never came: a reliable channel brings them all, so more than a few are the silence that is watched above.
    if (sentAtMs.size > 64) for (const oldest of sentAtMs.keys()) if (sentAtMs.delete(oldest)) break
    options.sendPing(nonce)
    const isBusy = nowMs - trafficAtMs < busyForMs
    cancel = clock.schedule(isBusy ? busyIntervalMs : idleIntervalMs, beat)
  }
  function stop(): void {
    isStopped = true
    cancel()
  }

  beat()
  return {
    get rttMs() {
      return rttMs
    },
    noteTraffic() {
      trafficAtMs = clock.monotonicMs()
      silence.noteTraffic(trafficAtMs)
    },
    noteHeard: () => silence.noteHeard(clock.monotonicMs()),
    noteAssigned: () => silence.noteAssigned(),
    acceptPong(answered) {
      const atMs = sentAtMs.get(answered)
      if (atMs === undefined) return
      sentAtMs.delete(answered)
      const nowMs = clock.monotonicMs()
      samples.push({ atMs: nowMs, rttMs: nowMs - atMs })
      while (samples.length > keptSamples && samples[0]!.atMs < nowMs - keptMs) samples.shift()
      rttMs = Math.min(...samples.map(sample => sample.rttMs))
      if (nowMs - toldAtMs < 1000) return
      toldAtMs = nowMs
      options.onMeasured(rttMs)
    },
    stop,
  }
}
