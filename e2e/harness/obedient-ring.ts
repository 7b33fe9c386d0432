/** Two tabs without engines that make a ring, and whose entry does with each request what the caller says. No browser is needed. */
import type { FakeTab } from '../../orchestrator/testing/fake-tab.ts'
import { openSocketTab } from '../../orchestrator/testing/socket-tab.ts'
import { untilPoolReady } from './until-pool-ready.ts'

export interface ObedientRing {
  readonly entry: FakeTab
  /** Whose share of the pool is whose. */
  readonly operators: readonly string[]
  /** Answers at once with `tokens` tokens, or, while `isHeld`, with the first only. */
  readonly tokens: number
  /** From now on answers go on after their first token until `release`. */
  hold(): void
  /** Ends what is held; resolves with how many answers that were. */
  release(): number
  close(): void
}

/** Resolves when the pool is ready. Tokens are bytes: 65 is an A. */
export async function openObedientRing(url: string, model: string, tokens = 4): Promise<ObedientRing> {
  const tabs = [await openSocketTab(url, { model }), await openSocketTab(url, { model })]
  const assigned = await Promise.all(tabs.map(tab => tab.commandOf('assign-slice')))
  const entry = tabs[assigned.findIndex(({ seat }) => seat === 0)]!
  await untilPoolReady({ url, deadlineMs: 60_000 })
  let isHeld = false
  const held = new Set<string>()
  const finish = (requestId: string): void => {
    for (let index = 1; index < tokens; index++) entry.token(requestId, index, 65)
    entry.finish(requestId, 'stop', tokens)
  }
  const serve = async (): Promise<never> => {
    for (;;) {
      const { requestId } = await entry.nextJob()
      entry.flow(requestId)
      entry.token(requestId, 0, 65)
      if (isHeld) held.add(requestId)
      else finish(requestId)
    }
  }
  void serve()
  return {
    entry,
    operators: tabs.map(({ peer }) => peer.slice(0, 42)),
    tokens,
    hold: () => {
      isHeld = true
    },
    release: () => {
      isHeld = false
      const count = held.size
      for (const requestId of held) finish(requestId)
      held.clear()
      return count
    },
    close: () => {
      for (const tab of tabs) tab.leave()
    },
  }
}
