/** How many pages follow sessions at once: each holds a socket, and is told of every change. It counts, and knows no streams. */
import { ComputePoolError } from '@computepool/shared/errors'

export interface FollowerCount {
  /** Returns what leaves again, to be called once or more. Errors: `swarm_busy`. */
  enter(sessionId: string): () => void
}

export function createFollowerCount(most: { readonly ofAll: number; readonly ofOne: number }): FollowerCount {
  const bySession = new Map<string, number>()
  let all = 0
  return {
    enter: sessionId => {
      const own = bySession.get(sessionId) ?? 0
      if (own >= most.ofOne) throw tooMany(`${own} pages follow this session already.`)
      if (all >= most.ofAll) throw tooMany(`${all} pages follow their sessions already.`)
      all++
      bySession.set(sessionId, own + 1)
      let isGone = false
      return () => {
        if (isGone) return
        isGone = true
        all--
        const left = bySession.get(sessionId)! - 1
        if (left === 0) bySession.delete(sessionId)
        else bySession.set(sessionId, left)
      }
    },
  }
}

const tooMany = (message: string): ComputePoolError =>
  new ComputePoolError('swarm_busy', message, {
    remedy: 'Ask for /v1/sessions/current from time to time instead.',
    context: { retryAfterSeconds: 10 },
  })
