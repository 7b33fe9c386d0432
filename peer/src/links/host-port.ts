/**
 * The two ends between a transport and the connections it asks for. In a tab they are a MessagePort between worker and page; where
 * both halves live in one thread, a pair that hands the objects over as they are. It knows no message's meaning.
 */

/** The part of a MessagePort that is used. */
export interface HostPort<Out, In> {
  postMessage(message: Out, transfer: Transferable[]): void
  onmessage: ((event: MessageEvent<In>) => void) | null
  close(): void
}

/** Two joined ends in one thread: a message arrives in a later microtask, uncopied, and in order. */
export function createDirectPorts<A, B>(): readonly [HostPort<A, B>, HostPort<B, A>] {
  let isClosed = false
  const close = (): void => {
    isClosed = true
  }
  const first: HostPort<A, B> = { postMessage: message => pass(second, message), onmessage: null, close }
  const second: HostPort<B, A> = { postMessage: message => pass(first, message), onmessage: null, close }
  function pass<T>(to: { onmessage: ((event: MessageEvent<T>) => void) | null }, data: T): void {
    // What was posted before the close still arrives, as it does with a MessagePort.
    if (!isClosed) queueMicrotask(() => to.onmessage?.({ data } as MessageEvent<T>))
  }
  return [first, second]
}
