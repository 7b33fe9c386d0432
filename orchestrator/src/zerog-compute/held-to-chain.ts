/**
 * Asks a node nothing before it has said that it is of the chain meant: another chain's counts and receipts would have a payment look lost,
 * and it would be paid twice. It knows no payments.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Chain, EIP1193RequestFn, HttpTransport } from 'viem'

/** Requests fail with `chain_wrong` while the node is of another chain, and as `eth_chainId` does while that fails. Asked until it was right once. */
export function heldToChain(chain: Chain, transport: HttpTransport): HttpTransport {
  return parameters => {
    const made = transport(parameters)
    let isRight = false
    const request = (async (asked: { method: string }, options?: object) => {
      if (!isRight && asked.method !== 'eth_chainId') {
        requireChain(chain, Number(await made.request({ method: 'eth_chainId' })))
        isRight = true
      }
      return made.request(asked as never, options)
    }) as EIP1193RequestFn
    return { ...made, request }
  }
}

/** @throws chain_wrong. */
export function requireChain({ id, name }: Pick<Chain, 'id' | 'name'>, found: number): void {
  if (found === id) return
  throw new ComputePoolError('chain_wrong', `The endpoint is chain ${found}'s; ${name} is ${id}.`, {
    remedy: 'Name an endpoint of that chain with COMPUTEPOOL_RPC_URL.',
  })
}
