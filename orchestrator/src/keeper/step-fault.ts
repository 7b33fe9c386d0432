/**
 * Tells a fault of the chain's node or of our books, after which a step is tried again, from a failure of the step, which ends its
 * run; and what of an error's text may be kept: a node's address may hold a key, a query its parameters.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  BaseError,
  HttpRequestError,
  LimitExceededRpcError,
  SocketClosedError,
  TimeoutError,
  WebSocketRequestError,
} from 'viem'
import { redactUrls } from '../redact-urls.ts'

/** What went wrong is nobody's answer: the run waits and goes on. */
export class StepFault extends Error {}

/** True where a node was out of reach, late or too busy, and said nothing about what it was asked. */
export function isNodeFault(thrown: unknown): boolean {
  if (thrown instanceof ComputePoolError) return thrown.code === 'chain_unreachable'
  if (!(thrown instanceof BaseError)) return false
  return thrown.walk(isTransportError) !== null
}

const isTransportError = (error: unknown): boolean =>
  [HttpRequestError, TimeoutError, WebSocketRequestError, SocketClosedError, LimitExceededRpcError].some(
    kind => error instanceof kind,
  )

/** Work at the node: its faults come out as `StepFault`, everything else as it is. */
export async function atNode<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    if (!isNodeFault(thrown)) throw thrown
    throw new StepFault(`The chain’s node gave no answer: ${storableText(thrown)}`, { cause: thrown })
  }
}

/** The same port, whose every rejection is a fault of our books. */
export function faulting<T extends object>(books: T): T {
  return new Proxy(books, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver)
      if (typeof method !== 'function') return method
      return async (...args: unknown[]) => {
        try {
          return await method.apply(target, args)
        } catch (cause) {
          throw new StepFault('The keeper’s books could not be read or written.', { cause })
        }
      }
    },
  })
}

/** An error's text with its addresses shortened to their hosts; of viem's errors the short one, which quotes no request. */
export function storableText(thrown: unknown): string {
  const text =
    thrown instanceof BaseError ? thrown.shortMessage : thrown instanceof Error ? thrown.message : String(thrown)
  return redactUrls(text)
}
