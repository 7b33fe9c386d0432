/** A session's views as server-sent events: one on each change, one a second while it is spent, at most four a second, until it is over. */
import { bigintAsString } from '@computepool/shared/money'
import { openAiErrorOf } from '@computepool/shared/openai'
import type { Clock } from '@computepool/shared/ports'
import { type SseEvent, sseBody } from '../api/sse.ts'
import type { Ledger } from './ledger.ts'
import type { Meter } from './meter.ts'

export interface FollowOptions {
  readonly sessionId: string
  readonly ledger: Pick<Ledger, 'view' | 'onChange'>
  readonly meter: Pick<Meter, 'onChange'>
  readonly clock: Clock
  readonly onEnd: () => void
}

const leastPauseMs = 250
const spendingPauseMs = 1000
/** Also keeps proxies and browsers from dropping a stream that says nothing for long. */
const idlePauseMs = 15_000

export function followSession(options: FollowOptions): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { sessionId, ledger, meter, clock, onEnd } = options
  let isGone = false
  let isStale = false
  let wake = (): void => {}
  const heard = (changed: string): void => {
    if (changed !== sessionId) return
    isStale = true
    wake()
  }
  const forget = [ledger.onChange(change => heard(change.sessionId)), meter.onChange(heard)]
  const end = (): void => {
    if (isGone) return
    isGone = true
    for (const stop of forget) stop()
    wake()
    onEnd()
  }
  /** Until the time is over or, where `isEager`, something changed. */
  const pause = async (ms: number, isEager: boolean): Promise<void> => {
    if (isGone || (isEager && isStale)) return
    await new Promise<void>(resolve => {
      const cancel = clock.schedule(ms, resolve)
      wake = () => {
        if (!isEager && !isGone) return
        cancel()
        resolve()
      }
    })
  }
  async function* views(): AsyncGenerator<SseEvent> {
    try {
      while (!isGone) {
        isStale = false
        const view = await ledger.view(sessionId)
        yield { data: JSON.stringify(view, bigintAsString) }
        if (view.status === 'closed' || view.status === 'refused') return
        await pause(leastPauseMs, false)
        await pause(view.runningRequests > 0 ? spendingPauseMs - leastPauseMs : idlePauseMs, true)
      }
    } finally {
      end()
    }
  }
  return sseBody(views(), {
    onFailure: thrown => ({ event: 'error', data: openAiErrorOf(thrown).body }),
    onGone: end,
  })
}
