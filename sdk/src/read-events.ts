/** Server-sent events out of bytes, as far as pools send them: `event` and `data` fields, ended by an empty line. It knows no JSON. */

export interface ServerEvent {
  readonly event: string
  readonly data: string
}

/** A line, or an event, longer than this is no pool's. */
const mostChars = 1 << 20

/** Feeds on bytes in any pieces; gives the events that are whole. */
export function createEventReader(): (bytes: Uint8Array) => ServerEvent[] {
  const decoder = new TextDecoder()
  let rest = ''
  let event = ''
  let data: string[] = []
  let dataChars = 0
  return bytes => {
    rest += decoder.decode(bytes, { stream: true })
    if (rest.length > mostChars) throw new RangeError('An event of the pool is too long.')
    const lines = rest.split(/\r\n|\n/)
    rest = lines.pop() ?? ''
    const events: ServerEvent[] = []
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) events.push({ event: event === '' ? 'message' : event, data: data.join('\n') })
        event = ''
        data = []
        dataChars = 0
        continue
      }
      const colon = line.indexOf(':')
      // A comment keeps a connection warm.
      if (colon === 0) continue
      const name = colon === -1 ? line : line.slice(0, colon)
      const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (name === 'data') {
        dataChars += value.length + 1
        if (dataChars > mostChars) throw new RangeError('An event of the pool is too long.')
        data.push(value)
      } else if (name === 'event') event = value
    }
    return events
  }
}
