/** An RPC endpoint with the manners of a public one, in front of an anvil: a floor for tips, no unprotected transactions, lag. */
import { createServer } from 'node:http'
import { parseTransaction } from 'viem'

export interface DifficultEndpointOptions {
  readonly url: string
  readonly tipFloorWei?: bigint | undefined
  readonly refusesUnprotected?: boolean | undefined
  /** How many times a receipt or a contract's code is not known yet when it is first asked for. */
  readonly lag?: number | undefined
}

interface RpcCall {
  readonly id: number
  readonly method: string
  readonly params?: readonly unknown[]
}

export async function openDifficultEndpoint({
  url,
  tipFloorWei = 0n,
  refusesUnprotected = false,
  lag = 0,
}: DifficultEndpointOptions): Promise<{ url: string; close(): Promise<void> }> {
  const asked = new Map<string, number>()
  const empty = new Set<string>()
  async function answer(call: RpcCall): Promise<object> {
    const refuse = (message: string) => ({ jsonrpc: '2.0', id: call.id, error: { code: -32000, message } })
    if (call.method === 'eth_sendRawTransaction') {
      const transaction = parseTransaction(call.params?.[0] as `0x${string}`)
      if (refusesUnprotected && transaction.type === 'legacy' && transaction.chainId === undefined) {
        return refuse('only replay-protected (EIP-155) transactions allowed over RPC')
      }
      const tip = transaction.maxPriorityFeePerGas ?? transaction.gasPrice ?? 0n
      if (tip < tipFloorWei) return refuse(`transaction underpriced: gas tip cap ${tip}, minimum needed ${tipFloorWei}`)
    }
    // What public nodes say where nobody tips: 1 wei.
    if (tipFloorWei > 0n && call.method === 'eth_maxPriorityFeePerGas')
      return { jsonrpc: '2.0', id: call.id, result: '0x1' }
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(call),
    })
    const body = (await response.json()) as { result?: unknown }
    const subject = String(call.params?.[0])
    if (call.method === 'eth_getCode' && body.result === '0x') empty.add(subject)
    // What was there before anybody asked is old, and every node knows it.
    const isNews = call.method === 'eth_getTransactionReceipt' || (call.method === 'eth_getCode' && empty.has(subject))
    if (!isNews || body.result === '0x' || body.result === null) return body
    const key = `${call.method} ${subject}`
    const times = asked.get(key) ?? 0
    asked.set(key, times + 1)
    if (times >= lag) return body
    return { ...body, result: call.method === 'eth_getCode' ? '0x' : null }
  }

  const server = createServer((request, response) => {
    let text = ''
    request.on('data', chunk => {
      text += chunk
    })
    request.on('end', () => {
      void answer(JSON.parse(text) as RpcCall).then(body => response.end(JSON.stringify(body)))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
