/** Whether memory grows: the trend of samples, told apart from their noise. Pure; it knows not what was measured. */
import { median } from '../harness/median.ts'

export interface MemorySample {
  readonly atMs: number
  readonly bytes: number
}

export interface MemoryTrend {
  readonly medianBytes: number
  /** What the trend adds from the first of the judged samples to the last; negative where it shrinks. */
  readonly growthBytes: number
  readonly isGrowing: boolean
}

/** A heap breathes by so much between two collections, and an allocator by more: less is no trend. */
export const leastGrowthBytes = 8 * 2 ** 20
const leastGrowthShare = 0.05
/** So many samples in a row count as their lowest: work in flight adds to a sample and goes again; a leak lifts all of them. */
const samplesOfFloor = 3

/**
 * Judges the last half of the samples: what comes before is warming up. Growth counts where the trend adds both 8 MiB and 5 % over that
 * half. The slope is the median of the slopes between all pairs (Theil 1950, Sen 1968), which a few odd samples do not move.
 */
export function memoryTrend(samples: readonly MemorySample[]): MemoryTrend {
  const judged = floorsOf(samples.slice(Math.floor(samples.length / 2)))
  if (judged.length < 3) throw new Error(`${samples.length} samples are too few to see a trend in`)
  const slopes = judged.flatMap((from, index) =>
    judged.slice(index + 1).map(to => (to.bytes - from.bytes) / (to.atMs - from.atMs)),
  )
  const medianBytes = median(judged.map(({ bytes }) => bytes))
  const growthBytes = median(slopes) * (judged.at(-1)!.atMs - judged[0]!.atMs)
  const bound = Math.max(leastGrowthBytes, medianBytes * leastGrowthShare)
  return { medianBytes, growthBytes, isGrowing: growthBytes > bound }
}

function floorsOf(samples: readonly MemorySample[]): MemorySample[] {
  const floors: MemorySample[] = []
  for (let first = 0; first + samplesOfFloor <= samples.length; first += samplesOfFloor) {
    const group = samples.slice(first, first + samplesOfFloor)
    floors.push(group.reduce((lowest, sample) => (sample.bytes < lowest.bytes ? sample : lowest)))
  }
  return floors
}
