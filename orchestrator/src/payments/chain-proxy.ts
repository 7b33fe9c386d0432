/**
 * JSON-RPC for pages, in front of an embedded chain: reading, and sending what is signed already. A node's own controls (balances, time,
 * unlocked keys) stay out of reach, and the page needs no second origin.
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

/** Passes JSON-RPC calls on to `rpcUrl`. */
export function chainProxy(rpcUrl: string): Hono {
  const routes = new Hono()
  routes.onError(errorResponse)
  routes.post('/chain', async c => {
    const parsed = bodySchema.safeParse(await readJson(c.req.raw, maxBodyBytes))
    if (!parsed.success) {
      throw new ComputePoolError('input_invalid', 'This is no JSON-RPC call that pages may make.', {
        remedy: 'Read with eth_call and its like, and send signed transactions with eth_sendRawTransaction.',
      })
    }
    const reply = await fetch(rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(parsed.data),
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((cause: unknown) => {
      throw new ComputePoolError('chain_unreachable', 'The embedded chain does not answer.', {
        remedy: 'Restart the orchestrator if it stays so.',
        cause,
      })
    })
    return new Response(reply.body, { status: reply.status, headers: { 'content-type': 'application/json' } })
  })
  return routes
}
