/**
 * Which numbers were seen, as ranges: finds duplicates and says what to acknowledge. Bounded: when the ranges get too many, the
 * lowest is forgotten and all below it counts as seen. It knows no packets.
 */
import type { NumberRange } from './packet.ts'

export interface ReceivedNumbers {
  /** False where the number was seen before, or lies below what is remembered. */
  add(number: number): boolean
  has(number: number): boolean
  /** The latest first, at most `limit`. */
  ranges(limit: number): readonly NumberRange[]
  readonly rangeCount: number
  /** -1 before the first. */
  readonly largest: number
}

export function createReceivedNumbers(maxRanges: number): ReceivedNumbers {
  /** Ascending; they neither overlap nor touch. */
  const ranges: { start: number; end: number }[] = []
  let floor = 0

  /** Index of the last range that begins at or before `number`, or -1. Numbers come nearly in order, so from the end. */
  function rangeBefore(number: number): number {
    let index = ranges.length - 1
    while (index >= 0 && ranges[index]!.start > number) index -= 1
    return index
  }
  function has(number: number): boolean {
    const range = ranges[rangeBefore(number)]
    return number < floor || (range !== undefined && number < range.end)
  }

  return {
    has,
    add(number) {
      if (has(number)) return false
      const index = rangeBefore(number)
      const before = ranges[index]
      const after = ranges[index + 1]
      const joinsBefore = before?.end === number
      const joinsAfter = after?.start === number + 1
      if (joinsBefore && joinsAfter) {
        before.end = after.end
        ranges.splice(index + 1, 1)
      } else if (joinsBefore) before.end += 1
      else if (joinsAfter) after.start = number
      else ranges.splice(index + 1, 0, { start: number, end: number + 1 })
      if (ranges.length > maxRanges) floor = ranges.shift()!.end
      return true
    },
    ranges: limit => ranges.slice(-limit).reverse(),
    get rangeCount() {
      return ranges.length
    },
    get largest() {
      return (ranges.at(-1)?.end ?? floor) - 1
    },
  }
}
