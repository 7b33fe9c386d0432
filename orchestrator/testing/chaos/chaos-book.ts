/**
 * What the meter is told, held against what the callers saw: each attempt flows once and ends once, no token comes outside an attempt, and
 * each token that a caller got was told once.
 */
import type { Clock } from '@computepool/shared/ports'
import type { RequestObserver } from '../../src/dispatch/index.ts'
import type { ChaosAnswer } from './chaos-caller.ts'

interface Attempt {
  flowedAtMs: number | null
  tokens: number
  endedAtMs: number | null
}

export interface ChaosBook {
  observe(index: number): RequestObserver
  /** Attempts that flowed, with their metered time. */
  attempts(): ReadonlyArray<{ readonly id: string; readonly index: number; readonly ms: number }>
  /** Positions of prompts that kept caches held. */
  cachedTokens(): number
  /** What is wrong when all answers are over. */
  close(answers: readonly ChaosAnswer[], isPaid: boolean): string[]
}

export function createChaosBook(clock: Clock, onWrong: (wrong: string) => void): ChaosBook {
  let cached = 0
  const books = new Map<number, Map<string, Attempt>>()
  const bookOf = (index: number): Map<string, Attempt> => {
    const known = books.get(index) ?? new Map<string, Attempt>()
    books.set(index, known)
    return known
  }
  return {
    observe(index) {
      const book = bookOf(index)
      const attemptOf = (id: string): Attempt => {
        const known = book.get(id) ?? { flowedAtMs: null, tokens: 0, endedAtMs: null }
        book.set(id, known)
        return known
      }
      const wrong = (text: string): void => onWrong(`money of answer ${index}: ${text}`)
      return {
        onFlowing(id, atMs, cachedTokens = 0) {
          cached += cachedTokens
          const attempt = attemptOf(id)
          if (attempt.flowedAtMs !== null) wrong(`attempt ${id} flows twice`)
          if (attempt.endedAtMs !== null) wrong(`attempt ${id} flows after its end`)
          if ([...book.values()].some(({ flowedAtMs, endedAtMs }) => flowedAtMs !== null && endedAtMs === null))
            wrong(`attempt ${id} flows while another does`)
          if (atMs !== clock.monotonicMs()) wrong(`attempt ${id} flows at ${atMs}, which is not now`)
          attempt.flowedAtMs = atMs
        },
        onToken(id) {
          const attempt = attemptOf(id)
          if (attempt.flowedAtMs === null) wrong(`attempt ${id} has a token and never flowed`)
          // A cut is told of the token that brought it about.
          attempt.tokens += 1
        },
        onEnded(id, { atMs, tokens }) {
          const attempt = attemptOf(id)
          if (attempt.endedAtMs !== null) wrong(`attempt ${id} ended twice`)
          if (atMs !== clock.monotonicMs()) wrong(`attempt ${id} ended at ${atMs}, which is not now`)
          attempt.endedAtMs = atMs
          if (tokens < attempt.tokens) wrong(`attempt ${id} ended with ${tokens} tokens after ${attempt.tokens}`)
        },
      }
    },
    cachedTokens: () => cached,
    attempts: () =>
      [...books].flatMap(([index, book]) =>
        [...book].flatMap(([id, { flowedAtMs, endedAtMs }]) =>
          flowedAtMs === null || endedAtMs === null ? [] : [{ id, index, ms: Math.floor(endedAtMs - flowedAtMs) }],
        ),
      ),
    close(answers, isPaid) {
      return answers.flatMap(({ tokens, ask }, index) => {
        const attempts = [...bookOf(index).entries()]
        const open = attempts.filter(([, { endedAtMs }]) => endedAtMs === null)
        const wrongs = open.map(([id]) => `money of answer ${index}: attempt ${id} never ended`)
        const told = attempts.reduce((sum, [, attempt]) => sum + attempt.tokens, 0)
        // Who leaves early has tokens on the way that it does not read any more.
        const isWhole = ask.giveUp === null && ask.capAfterTokens === null && !isPaid
        if (isWhole ? told !== tokens.length : told < tokens.length)
          wrongs.push(`money of answer ${index}: ${told} tokens were told, ${tokens.length} came`)
        return wrongs
      })
    },
  }
}
