/** How checks ended, counted. Each that was drawn ends once. */
import type { PoolSnapshot } from '@computepool/shared/swarm'

export type CheckFigures = NonNullable<PoolSnapshot['checks']>
export type CheckOutcome = Exclude<keyof CheckFigures, 'drawn' | 'computeMs' | 'challenges'>

export interface CheckCounts {
  drawn(): void
  ended(outcome: CheckOutcome): void
  computed(ms: number): void
  view(): CheckFigures
}

export function createCheckCounts(): CheckCounts {
  const figures = { drawn: 0, agreed: 0, differs: 0, withheld: 0, unanswered: 0, unjudged: 0, computeMs: 0 }
  return {
    drawn: () => {
      figures.drawn += 1
    },
    ended: outcome => {
      figures[outcome] += 1
    },
    computed: ms => {
      figures.computeMs += ms
    },
    view: () => ({ ...figures }),
  }
}
