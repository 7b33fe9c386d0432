/**
 * JSON-RPC for pages, in front of our own node: reading, and sending what is signed already. A node's own controls (balances, time,
 * unlocked keys) stay out of reach, and so does its address, which may carry a key. Who may ask how often is for the caller to say.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { Hono } from 'hono'
import { z } from 'zod'
import { errorResponse } from '../api/openai-routes.ts'
import { readJson } from '../api/read-json.ts'

const methods = [
  'eth_blockNumber',
  'eth_call',
  'eth_chainId',
  'eth_estimateGas',
  'eth_feeHistory',
  'eth_gasPrice',
  'eth_getBalance',
  'eth_getBlockByHash',
  'eth_getBlockByNumber',
  'eth_getCode',
  'eth_getLogs',
  'eth_getStorageAt',
  'eth_getTransactionByHash',
  'eth_getTransactionCount',
  'eth_getTransactionReceipt',
  'eth_maxPriorityFeePerGas',
  'eth_sendRawTransaction',
  'net_version',
  'web3_clientVersion',
] as const

const callSchema = z.object({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.number(), z.string().max(100), z.null()]).optional(),
  method: z.enum(methods),
  params: z.array(z.unknown()).max(10).optional(),
})
const bodySchema = z.union([callSchema, z.array(callSchema).min(1).max(50)])
const maxBodyBytes = 512 << 10
const timeoutMs = 20_000

/** Passes JSON-RPC calls on to `rpcUrl`; answers tell nothing of it. */
export function chainProxy(rpcUrl: string): Hono {
  const routes = new Hono()
  const { address, headers } = endpointOf(rpcUrl)
  routes.onError(errorResponse)
  routes.post('/chain', async c => {
    const parsed = bodySchema.safeParse(await readJson(c.req.raw, maxBodyBytes))
    if (!parsed.success) {
      throw new ComputePoolError('input_invalid', 'This is no JSON-RPC call that pages may make.', {
        remedy: 'Read with eth_call and its like, and send signed transactions with eth_sendRawTransaction.',
      })
    }
    const reply = await fetch(address, {
      method: 'POST',
      headers,
      body: JSON.stringify(parsed.data),
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((cause: unknown) => {
      throw new ComputePoolError('chain_unreachable', 'The chain’s node does not answer.', {
        remedy: 'Try again in a moment; the operator of the orchestrator must see to it if it stays so.',
        cause,
      })
    })
    if (reply.ok) return new Response(reply.body, { headers: { 'content-type': 'application/json' } })
    // What a service says of a key that is wrong or used up, it may say with the key.
    await reply.body?.cancel()
    throw new ComputePoolError('chain_unreachable', `The chain’s node refuses to answer (HTTP ${reply.status}).`, {
      remedy: 'Try again in a moment; the operator of the orchestrator must see to it if it stays so.',
    })
  })
  return routes
}

/** fetch takes no address with a user in it. */
function endpointOf(rpcUrl: string): { readonly address: string; readonly headers: Record<string, string> } {
  const url = new URL(rpcUrl)
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (url.username !== '' || url.password !== '') {
    const user = [url.username, url.password].map(decodeURIComponent).join(':')
    headers.authorization = `Basic ${Buffer.from(user).toString('base64')}`
    url.username = ''
    url.password = ''
  }
  return { address: url.href, headers }
}
