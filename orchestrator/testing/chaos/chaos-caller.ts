/** Whoever asked: reads one answer to its end as a client does, gives up when the plan says so, and remembers all it saw. */
import { asComputePoolError, type ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import type { Desk, LiveRequest, RequestObserver, RequestOrder } from '../../src/dispatch/index.ts'
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
  /** How often it went on elsewhere. */
  readonly moves: () => number
}

/** What a meter adds: it may cut the answer short, and wants to know of one that was refused. */
export interface CallerMeter {
  attach(live: LiveRequest): void
  abandon(): void
}

export interface CallOptions {
  readonly desk: Desk
  readonly clock: Clock
  readonly ask: ChaosAsk
  readonly observer: RequestObserver
  readonly meter: CallerMeter | null
  /** The answer came to its end, by itself. */
  readonly onWhole: (tokens: readonly number[]) => void
}

export function askAndRead({ desk, clock, ask, observer, meter, onWhole }: CallOptions): ChaosAnswer {
  const tokens: number[] = []
  const ends: AnswerEnd[] = []
  let live: LiveRequest | null = null
  const { promptTokens, maxTokens, stopTokens, sampling, speculate, giveUp, capAfterTokens, scope } = ask

  function submit(order: RequestOrder): LiveRequest {
    try {
      return desk.submit(order, observer)
    } catch (refusal) {
      meter?.abandon()
      throw refusal
    }
  }
  async function read(): Promise<void> {
    const job = { promptTokens: [...promptTokens], maxTokens, stopTokens: [...stopTokens], sampling, speculate }
    const order = { ...job, client: scope, cacheScope: scope, keepsCache: true }
    const submitted = submit(order)
    live = submitted
    meter?.attach(submitted)
    let hasGivenUp = false
    const stop = (): void => {
      hasGivenUp = true
      submitted.cancel()
    }
    const cancelTimer = giveUp !== null && 'afterMs' in giveUp ? clock.schedule(giveUp.afterMs, stop) : (): void => {}
    try {
      for await (const event of submitted.events) {
        if (event.type === 'finished') ends.push(event)
        if (event.type !== 'token') continue
        tokens.push(event.sampled.token)
        if (tokens.length === capAfterTokens) submitted.cutShort('cap')
        if (giveUp !== null && 'afterTokens' in giveUp && tokens.length > giveUp.afterTokens) {
          hasGivenUp = true
          break
        }
      }
    } finally {
      cancelTimer()
    }
    if (hasGivenUp && ends.length === 0) ends.push({ type: 'given-up' })
    const [end] = ends
    if (end?.type === 'finished' && end.stoppedBy === null) onWhole(tokens)
  }
  read().catch((thrown: unknown) => {
    ends.push({ type: 'failed', error: asComputePoolError(thrown) })
  })
  return { ask, tokens, ends, moves: () => live?.moves() ?? 0 }
}
