/** What viem throws, as typed errors: the chain said no, did not answer, or wants gas that is not there. It knows no contract. */
import { ComputePoolError } from '@computepool/shared/errors'
import { BaseError, HttpRequestError, TimeoutError, WaitForTransactionReceiptTimeoutError } from 'viem'

/** Runs `task`; what viem throws becomes a typed error. */
export async function told<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (thrown) {
    throw chainError(thrown)
  }
}

function chainError(thrown: unknown): ComputePoolError {
  if (thrown instanceof ComputePoolError) return thrown
  const words = thrown instanceof BaseError ? `${thrown.shortMessage} ${thrown.details ?? ''}` : String(thrown)
  if (/insufficient funds/i.test(words)) return underfunded()
  const isRefusal = thrown instanceof BaseError && thrown.walk(isSilence) === null
  if (isRefusal) {
    return new ComputePoolError('chain_reverted', `The chain refuses this: ${words.trim().slice(0, 200)}`, {
      remedy: 'Nothing moved. Refresh, then try again.',
    })
  }
  return new ComputePoolError('chain_unreachable', `The chain did not answer: ${words.trim().slice(0, 200)}`, {
    remedy: 'Check that its RPC address can be reached from here, then try again.',
  })
}

const isSilence = (error: unknown): boolean =>
  error instanceof HttpRequestError ||
  error instanceof TimeoutError ||
  error instanceof WaitForTransactionReceiptTimeoutError

/** Too little of the chain's own coin for gas. */
export function underfunded(): ComputePoolError {
  return new ComputePoolError('chain_underfunded', 'This key has too little of the chain’s own coin to pay for gas.', {
    remedy: 'Send it some, or ask the faucet where there is one. Then try again.',
  })
}
