/** A chat stream that a test writes word by word, and whose requests and aborts it can read. */
import type { ChatEvent, ChatRequest } from '../chat/stream-chat.ts'

export interface ScriptedStream {
  readonly requests: readonly ChatRequest[]
  readonly aborted: readonly boolean[]
  open(request: ChatRequest, signal: AbortSignal): AsyncIterable<ChatEvent>
  /** Hands `event` to the newest request and waits until it was taken up. */
  push(event: ChatEvent): Promise<void>
  /** Ends the newest request. */
  end(): Promise<void>
}

export function createScriptedStream(): ScriptedStream {
  const requests: ChatRequest[] = []
  const signals: AbortSignal[] = []
  let queue: (ChatEvent | null)[] = []
  let wake: () => void = () => {}
  const settle = () => new Promise<void>(resolve => setTimeout(resolve, 0))
  function push(event: ChatEvent | null): Promise<void> {
    queue.push(event)
    wake()
    return settle()
  }
  return {
    requests,
    get aborted() {
      return signals.map(signal => signal.aborted)
    },
    async *open(request, signal) {
      requests.push(request)
      signals.push(signal)
      queue = []
      signal.addEventListener('abort', () => wake())
      while (!signal.aborted) {
        const event = queue.shift()
        if (event === null) return
        if (event === undefined) await new Promise<void>(resolve => (wake = resolve))
        else yield event
      }
    },
    push,
    end: () => push(null),
  }
}
