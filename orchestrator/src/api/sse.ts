/** Server-sent events from a generator: each event leaves when it is made, and a reader that goes away stops the generator at once. */

export interface SseEvent {
  readonly event?: string
  /** JSON, or a plain word such as [DONE]. */
  readonly data: unknown
}

const encoder = new TextEncoder()

/** One event as bytes. */
export function encodeSse({ event, data }: SseEvent): Uint8Array<ArrayBuffer> {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  return encoder.encode(`${event === undefined ? '' : `event: ${event}\n`}data: ${text}\n\n`)
}

/** `X-Accel-Buffering` keeps nginx from holding the stream back; `no-transform` keeps proxies from compressing it. */
export const sseHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const

/**
 * A response body of `events`. A failure becomes the last event, made by `onFailure`; `onGone` runs when the reader went away
 * before the end.
 */
export function sseBody(
  events: AsyncIterable<SseEvent>,
  options: { readonly onFailure: (thrown: unknown) => SseEvent; readonly onGone: () => void },
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let isGone = false
  return new ReadableStream({
    start: controller => {
      const run = async (): Promise<void> => {
        try {
          for await (const event of events) {
            if (isGone) return
            controller.enqueue(encodeSse(event))
          }
        } catch (thrown) {
          if (!isGone) controller.enqueue(encodeSse(options.onFailure(thrown)))
        }
        if (!isGone) controller.close()
      }
      // Nobody awaits it: a stream that broke under its feet counts as a reader that went away.
      run().catch(options.onGone)
    },
    cancel: () => {
      isGone = true
      options.onGone()
    },
  })
}
