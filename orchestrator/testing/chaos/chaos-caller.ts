/** Whoever asked: reads one answer to its end as a client does, gives up when the plan says so, and remembers all it saw. */
import { asComputePoolError, type ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import type { Desk, RequestObserver } from '../../src/dispatch/index.ts'
import type { ChaosAsk } from './chaos-plan.ts'

export type AnswerEnd =
  | { readonly type: 'finished'; readonly reason: 'stop' | 'length'; readonly stoppedBy: string | null }
  | { readonly type: 'given-up' }
  | { readonly type: 'failed'; readonly error: ComputePoolError }

export interface ChaosAnswer {
  readonly ask: ChaosAsk
  readonly tokens: readonly number[]
  /** Each end that it saw: more than one is a fault. */
  readonly ends: readonly AnswerEnd[]
  /** Settles with the first end. */
  readonly over: Promise<void>
}

export function askAndRead(desk: Desk, clock: Clock, ask: ChaosAsk, observer: RequestObserver): ChaosAnswer {
  const tokens: number[] = []
  const ends: AnswerEnd[] = []
  const { promptTokens, maxTokens, stopTokens, sampling, speculate, giveUp, capAfterTokens } = ask

  async function read(): Promise<void> {
    const order = { promptTokens: [...promptTokens], maxTokens, stopTokens: [...stopTokens], sampling, speculate }
    const live = desk.submit(order, observer)
    let hasGivenUp = false
    const stop = (): void => {
      hasGivenUp = true
      live.cancel()
    }
    const cancelTimer = giveUp !== null && 'afterMs' in giveUp ? clock.schedule(giveUp.afterMs, stop) : (): void => {}
    try {
      for await (const event of live.events) {
        if (event.type === 'finished') ends.push(event)
        if (event.type !== 'token') continue
        tokens.push(event.sampled.token)
        if (tokens.length === capAfterTokens) live.cutShort('cap')
        if (giveUp !== null && 'afterTokens' in giveUp && tokens.length > giveUp.afterTokens) {
          hasGivenUp = true
          break
        }
      }
    } finally {
      cancelTimer()
    }
    if (hasGivenUp && ends.length === 0) ends.push({ type: 'given-up' })
  }
  const over = read().catch((thrown: unknown) => {
    ends.push({ type: 'failed', error: asComputePoolError(thrown) })
  })
  return { ask, tokens, ends, over }
}
