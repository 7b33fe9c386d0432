/** Reads server-sent events of a response one at a time, so that a test sees what has left before the next token exists. */
export interface SseReader {
  /** The next event's lines; null at the end. */
  next(): Promise<string | null>
  /** All that is left. */
  rest(): Promise<string[]>
  cancel(): Promise<void>
}

export function readSse(response: Response): SseReader {
  const reader = response.body!.getReader()
  const decoder = new TextDecoder()
  let text = ''
  const next = async (): Promise<string | null> => {
    while (!text.includes('\n\n')) {
      const { value, done } = await reader.read()
      if (done) return null
      text += decoder.decode(value, { stream: true })
    }
    const end = text.indexOf('\n\n')
    const event = text.slice(0, end)
    text = text.slice(end + 2)
    return event
  }
  return {
    next,
    rest: async () => {
      const events: string[] = []
      for (let event = await next(); event !== null; event = await next()) events.push(event)
      return events
    },
    cancel: () => reader.cancel(),
  }
}

/** The JSON of an event; undefined for [DONE]. */
export const dataOf = (event: string | null): unknown => {
  const data = /^data: (.*)$/m.exec(event ?? '')?.[1] ?? ''
  return data.startsWith('{') ? JSON.parse(data) : undefined
}
