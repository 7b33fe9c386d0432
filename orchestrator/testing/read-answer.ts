/** A request as its reader sees it: all its tokens, and how it ended. */
import type { LiveRequest } from '../src/dispatch/index.ts'

export interface ReadAnswer {
  readonly tokens: number[]
  /** How it ended: a reason, or an error's code. */
  readonly end: string | null
}

/** What a request's reader sees until its end. */
export async function readAnswer(live: LiveRequest): Promise<ReadAnswer> {
  const tokens: number[] = []
  let end: string | null = null
  try {
    for await (const event of live.events) {
      if (event.type === 'token') tokens.push(event.sampled.token)
      else end = event.stoppedBy ?? event.reason
    }
  } catch (thrown) {
    end = (thrown as { code: string }).code
  }
  return { tokens, end }
}

/** Its tokens, and the code of the error that ended it; null where none did. */
export async function readTokens(live: LiveRequest): Promise<{ tokens: number[]; code: string | null }> {
  const tokens: number[] = []
  try {
    for await (const event of live.events) if (event.type === 'token') tokens.push(event.sampled.token)
    return { tokens, code: null }
  } catch (error) {
    return { tokens, code: (error as { code: string }).code }
  }
}
