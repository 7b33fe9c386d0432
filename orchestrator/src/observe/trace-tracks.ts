/** Processes and threads of a Chrome trace: hands out their numbers, and keeps events of one thread from crossing each other. */

/** An event of the trace event format; `ts` and `dur` in microseconds. */
export interface TraceEvent {
  readonly ph: 'X' | 'M'
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly ts?: number
  readonly dur?: number
  readonly args?: Readonly<Record<string, unknown>>
}

export interface Stretch {
  readonly name: string
  readonly startMs: number
  readonly endMs: number
  readonly args?: Readonly<Record<string, unknown>>
}

export type TrackName = 'request' | 'checks' | 'laps' | 'compute' | 'queue' | 'wire'

export const orchestratorPid = 1

/** Lanes of one thread name lie this far apart, so that `compute 2` has a number of its own. */
const trackTids: Readonly<Record<TrackName, number>> = {
  request: 1,
  laps: 21,
  compute: 41,
  queue: 61,
  wire: 81,
  checks: 101,
}
const mostLanes = 20
/** Stretches that cross by less were moved by the jitter of a socket, not by work that went on side by side. */
const jitterShare = 0.5

export interface Tracks {
  name(pid: number, name: string): void
  /** The process of a peer, named at its first mention. */
  peer(peer: string, name: string, seat: number): number
  /** Nothing for a stretch of no length. */
  add(pid: number, track: TrackName, stretch: Stretch): void
  count(): number
  /** Metadata first. */
  events(): TraceEvent[]
}

/** `zeroMs` is where the trace's time begins. */
export function createTracks(zeroMs: number): Tracks {
  const metadata: TraceEvent[] = []
  const stretches: TraceEvent[] = []
  const pids = new Map<string, number>()
  const laneEnds = new Map<string, number[]>()

  const describe = (pid: number, tid: number, name: string, args: Readonly<Record<string, unknown>>): void => {
    metadata.push({ ph: 'M', name, pid, tid, args })
  }
  const name: Tracks['name'] = (pid, text) => {
    describe(pid, 0, 'process_name', { name: text })
    describe(pid, 0, 'process_sort_index', { sort_index: pid })
  }

  /** The lane that is free by `startUs`, or so nearly that only jitter can have moved the start. */
  const laneOf = (pid: number, track: TrackName, startUs: number, lengthUs: number) => {
    const key = `${pid} ${track}`
    const ends = laneEnds.get(key) ?? []
    laneEnds.set(key, ends)
    // An engine does one thing at a time: its stretches move rather than cross.
    const slackUs = track === 'compute' ? Number.POSITIVE_INFINITY : lengthUs * jitterShare
    let lane = ends.findIndex(endUs => endUs - startUs <= slackUs)
    if (lane < 0) lane = Math.min(ends.length, mostLanes - 1)
    const tid = trackTids[track] + lane
    if (ends[lane] === undefined) {
      describe(pid, tid, 'thread_name', { name: lane === 0 ? track : `${track} ${lane + 1}` })
      describe(pid, tid, 'thread_sort_index', { sort_index: tid })
      ends[lane] = Number.NEGATIVE_INFINITY
    }
    return { tid, ends, lane }
  }

  return {
    name,
    peer: (peer, text, seat) => {
      const known = pids.get(peer)
      if (known !== undefined) return known
      const pid = orchestratorPid + 1 + pids.size
      pids.set(peer, pid)
      describe(pid, 0, 'process_name', { name: text })
      // By seat, whichever was heard of first; a peer that took a seat over stands beside its predecessor.
      describe(pid, 0, 'process_sort_index', { sort_index: 100 * (seat + 1) + pid })
      return pid
    },
    add: (pid, track, { name: text, startMs, endMs, args }) => {
      const length = micros(endMs - startMs)
      if (!(length > 0)) return
      const wanted = micros(startMs - zeroMs)
      const { tid, ends, lane } = laneOf(pid, track, wanted, length)
      const ts = Math.max(wanted, ends[lane]!)
      ends[lane] = ts + length
      stretches.push({ ph: 'X', name: text, pid, tid, ts, dur: length, ...(args === undefined ? {} : { args }) })
    },
    count: () => stretches.length,
    events: () => [...metadata, ...stretches],
  }
}

/** Whole nanoseconds are more than any clock here knows. */
const micros = (ms: number): number => Math.round(ms * 1e6) / 1e3
