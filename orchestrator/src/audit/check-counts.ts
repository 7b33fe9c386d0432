/** How checks ended, counted. Each that was drawn ends once. */
import type { PoolSnapshot } from '@computepool/shared/swarm'

export type CheckFigures = NonNullable<PoolSnapshot['checks']>
export type CheckOutcome = Exclude<keyof CheckFigures, 'drawn' | 'computeMs' | 'challenges' | 'slices' | SecondLook>
/**
 * `audited`: two computed the same check; `disputed`: not the same; `lazy`: and one of them is known not to have computed. `uncomputed`: an answer that was
 * refused, for its auditor had not said what it computed.
 */
export type SecondLook = 'audited' | 'disputed' | 'lazy' | 'uncomputed'

export interface CheckCounts {
  drawn(): void
  ended(outcome: CheckOutcome): void
  computed(ms: number): void
  secondLook(what: SecondLook): void
  view(): CheckFigures
}

export function createCheckCounts(): CheckCounts {
  const figures = {
    ...{ drawn: 0, agreed: 0, differs: 0, withheld: 0, unanswered: 0, unjudged: 0, computeMs: 0 },
    ...{ audited: 0, disputed: 0, lazy: 0, uncomputed: 0 },
  }
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
    secondLook: what => {
      figures[what] += 1
    },
    view: () => ({ ...figures }),
  }
}
