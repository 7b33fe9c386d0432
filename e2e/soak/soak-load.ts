/** Keeps a pool's queue full: as one answer ends another is asked for, long and short, some given up midway. It measures nothing. */
import { createSeededRandom } from '@computepool/shared/testing'
import { PoolRefusal, streamAnswer } from '../harness/stream-answer.ts'

export interface SoakLoad {
  /** Answers that came to their end, and that were given up. Throws what went wrong first. */
  counts(): { readonly whole: number; readonly givenUp: number }
  /** Asks for nothing more, and resolves when all is over. Rejects likewise. */
  stop(): Promise<void>
}

export interface SoakLoadOptions {
  readonly url: string
  readonly model: string
  /** Asked for at once. */
  readonly callers: number
  /** Ids of tokens that prompts are made of are below it. */
  readonly vocab: number
}

const longestPrompt = 200
const longestAnswer = 48
/** A caller asked again before the desk had let go of what another had given up: the client's share of the queue is full, or all of it. */
const queueIsFull = [429, 503]
/** A place of the queue is free a moment after its caller has hung up. */
const againMs = 50

export function keepAsking({ url, model, callers, vocab }: SoakLoadOptions): SoakLoad {
  const random = createSeededRandom(1)
  let isStopped = false
  let whole = 0
  let givenUp = 0

  async function askOnce(): Promise<void> {
    const prompt = Array.from({ length: 1 + random.int(longestPrompt) }, () => random.int(vocab))
    const hangUp = new AbortController()
    const leavesAt = random.next() < 0.2 ? 1 + random.int(longestAnswer / 2) : Number.POSITIVE_INFINITY
    const answer = await streamAnswer({
      url,
      path: '/v1/completions',
      body: { model, prompt, max_tokens: 1 + random.int(longestAnswer), temperature: random.next() < 0.5 ? 0 : 1 },
      signal: hangUp.signal,
      onPiece: pieces => {
        if (pieces >= leavesAt) hangUp.abort()
      },
    })
    if (answer.errorCode !== null) throw new Error(`An answer ended with ${answer.errorCode}`)
    if (hangUp.signal.aborted) givenUp += 1
    else whole += 1
  }
  async function keepOn(): Promise<void> {
    while (!isStopped) {
      await askOnce().catch(async thrown => {
        if (!(thrown instanceof PoolRefusal) || !queueIsFull.includes(thrown.status)) throw thrown
        await new Promise(resolve => setTimeout(resolve, againMs))
      })
    }
  }
  const all = Promise.all(Array.from({ length: callers }, keepOn))
  let failure: unknown = null
  all.catch(thrown => {
    isStopped = true
    failure = thrown
  })
  return {
    counts: () => {
      if (failure !== null) throw failure
      return { whole, givenUp }
    },
    async stop() {
      isStopped = true
      await all
    },
  }
}
