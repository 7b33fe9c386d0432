/**
 * Keeps an answer from ending while a test looks at it: the desk hears the first tokens, and the rest when the test says so. Time
 * plays no part, so that a fast machine cannot finish before a button is pressed.
 */
import type { Desk } from '@computepool/orchestrator/dispatch/index.ts'

/** From now on `desk` hears `tokens` tokens of each answer; what tabs say of it after them waits for `release`. */
export function holdAnswers(desk: Desk, tokens: number): { release(): void } {
  const hear = desk.peerRequest
  const held: Parameters<Desk['peerRequest']>[] = []
  desk.peerRequest = (peer, request) => {
    const isHeard =
      !('requestId' in request) ||
      request.type === 'request-flowing' ||
      (request.type === 'token-generated' && request.index < tokens)
    if (isHeard) hear(peer, request)
    else held.push([peer, request])
  }
  return {
    release() {
      desk.peerRequest = hear
      for (const said of held.splice(0)) hear(...said)
    },
  }
}
