/** The events of a response's body, as a reader of server-sent events hears them. It knows nothing of what they say. */

/** The data of each event, keep-alive comments left out; ends where the body ends, and whoever stops reading cancels it. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true })
    const events = rest.split('\n\n')
    rest = events.pop()!
    for (const event of events) {
      const data = event.split('\n').find(line => line.startsWith('data:'))
      if (data !== undefined) yield data.slice('data:'.length).trim()
    }
  }
}
