/** Events of one request between the socket that brings them and the reply that awaits them: one writer, one reader, in order. */
export interface EventQueue<T> extends AsyncIterable<T> {
  push(event: T): void
  /** After the events that are in: the reader ends, or throws `error`. The first call counts. */
  end(error?: Error): void
}

/** A queue; `onAbandoned` runs once if the reader stops before the end. */
export function createEventQueue<T>(onAbandoned: () => void): EventQueue<T> {
  const events: T[] = []
  let ended: { readonly error: Error | undefined } | null = null
  let wake: (() => void) | null = null
  const stir = (): void => {
    wake?.()
    wake = null
  }
  async function* read(): AsyncGenerator<T, void> {
    let isDrained = false
    try {
      for (;;) {
        if (events.length > 0) yield events.shift()!
        else if (ended !== null) break
        else {
          await new Promise<void>(resolve => {
            wake = resolve
          })
        }
      }
      isDrained = true
    } finally {
      if (!isDrained) onAbandoned()
    }
    if (ended?.error !== undefined) throw ended.error
  }
  return {
    push: event => {
      if (ended !== null) return
      events.push(event)
      stir()
    },
    end: error => {
      ended ??= { error }
      stir()
    },
    [Symbol.asyncIterator]: read,
  }
}
