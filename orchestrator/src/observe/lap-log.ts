/**
 * The laps of one attempt at an answer, as plain numbers in one growing array: thousands of laps of many hops would weigh ten times
 * as much as objects. It knows no clock and no request.
 */
import type { HopTrace } from '@computepool/shared/wire'

export interface LoggedLap {
  /** When its token was heard; ms on the orchestrator's monotonic clock. */
  readonly atMs: number
  readonly lapMs: number
  /** Tokens that it brought: several where guesses came true. */
  readonly tokens: number
  /** In the order in which the step passed the seats. */
  readonly hops: readonly HopTrace[]
}

export interface LapLog {
  /** One call a token; tokens of one lap come with the same figures, and count as one lap. */
  add(atMs: number, lapMs: number, trace: readonly HopTrace[]): void
  laps(): LoggedLap[]
  /** Laps that found no room any more. */
  leftOut(): number
  /** Numbers held, room to grow included. */
  readonly size: number
}

const headSize = 4
const hopSize = 3

/** Keeps the first `mostLaps` laps: the prompt's pass and what followed; later ones are counted only. */
export function createLapLog(mostLaps: number): LapLog {
  let numbers = new Float64Array(256)
  let end = 0
  let last = -1
  let kept = 0
  let leftOut = 0

  const isSameLap = (atMs: number, lapMs: number, trace: readonly HopTrace[]): boolean => {
    if (last < 0 || numbers[last + 1] !== lapMs || numbers[last + 3] !== trace.length) return false
    // A whole lap cannot have passed since: two laps of equal figures are told apart.
    if (atMs - numbers[last]! > lapMs / 2) return false
    return trace.every((hop, index) => {
      const at = last + headSize + index * hopSize
      return numbers[at] === hop.seat && numbers[at + 1] === hop.computeMs && numbers[at + 2] === hop.queueMs
    })
  }

  const makeRoom = (needed: number): void => {
    if (end + needed <= numbers.length) return
    const grown = new Float64Array(Math.max(numbers.length * 2, end + needed))
    grown.set(numbers.subarray(0, end))
    numbers = grown
  }

  return {
    add: (atMs, lapMs, trace) => {
      if (isSameLap(atMs, lapMs, trace)) {
        numbers[last + 2]! += 1
        return
      }
      if (kept >= mostLaps) {
        leftOut++
        return
      }
      makeRoom(headSize + trace.length * hopSize)
      last = end
      numbers.set([atMs, lapMs, 1, trace.length], end)
      end += headSize
      for (const { seat, computeMs, queueMs } of trace) {
        numbers.set([seat, computeMs, queueMs], end)
        end += hopSize
      }
      kept++
    },
    laps: () => {
      const laps: LoggedLap[] = []
      for (let at = 0; at < end; ) {
        const [atMs, lapMs, tokens, count] = numbers.subarray(at, at + headSize) as unknown as [
          number,
          number,
          number,
          number,
        ]
        at += headSize
        const hops: HopTrace[] = []
        for (let hop = 0; hop < count; hop++, at += hopSize) {
          hops.push({ seat: numbers[at]!, computeMs: numbers[at + 1]!, queueMs: numbers[at + 2]! })
        }
        laps.push({ atMs, lapMs, tokens, hops })
      }
      return laps
    },
    leftOut: () => leftOut,
    get size() {
      return numbers.length
    },
  }
}
