/** A `fetch` that answers as a test says, path by path, and remembers what was asked. It opens no socket. */
import type { Fetch } from '../src/pool-door.ts'

export interface Asked {
  readonly path: string
  readonly init: RequestInit
}

export type Answering = (asked: Asked) => Response | Promise<Response>

export const fakeOrigin = 'https://pool.example'

export function fakeFetch(answers: Readonly<Record<string, Answering>>): { fetch: Fetch; asked: Asked[] } {
  const asked: Asked[] = []
  return {
    asked,
    fetch: async (url, init = {}) => {
      const { pathname, search } = new URL(url)
      const one = { path: `${pathname}${search}`, init }
      asked.push(one)
      const answer = answers[pathname]
      if (answer === undefined) throw new TypeError('fetch failed')
      return answer(one)
    },
  }
}

/** A body in these pieces, which stays open where `isOpen`; it fails when the request is aborted, as a real one does. */
export function pieces(parts: readonly Uint8Array[], { init }: Asked, isOpen = false): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: controller => {
      for (const part of parts) controller.enqueue(part)
      init.signal?.addEventListener('abort', () => controller.error(init.signal?.reason))
      if (!isOpen) controller.close()
    },
  })
}
