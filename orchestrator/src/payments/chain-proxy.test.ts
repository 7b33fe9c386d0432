import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { chainProxy } from './chain-proxy.ts'

const closers: Array<() => void> = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A node behind a key, which says the key in every refusal. */
async function openNode(status: number): Promise<{ port: number; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = []
  const node = createServer((request, response) => {
    asked.push(request)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(status === 200 ? { result: '0x1' } : { error: `${request.url} is used up` }))
  }).listen(0, '127.0.0.1')
  await once(node, 'listening')
  closers.push(() => node.close())
  return { port: (node.address() as AddressInfo).port, asked }
}

const ask = (rpcUrl: string, method = 'eth_blockNumber'): Promise<Response> => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] })
  return Promise.resolve(chainProxy(rpcUrl).request('/chain', { method: 'POST', body }))
}

it('passes calls on, with the user that the address names', async () => {
  const { port, asked } = await openNode(200)
  const reply = await ask(`http://me:s3cret@127.0.0.1:${port}/v3/key`)
  expect([reply.status, await reply.json()]).toEqual([200, { result: '0x1' }])
  expect(asked[0]!.url).toBe('/v3/key')
  expect(asked[0]!.headers.authorization).toBe(`Basic ${Buffer.from('me:s3cret').toString('base64')}`)
})

it('says that the node refused, and nothing of its key', async () => {
  const { port } = await openNode(429)
  for (const rpcUrl of [`http://127.0.0.1:${port}/v3/s3cret`, 'http://me:s3cret@127.0.0.1:9/s3cret']) {
    const reply = await ask(rpcUrl)
    const text = await reply.text()
    expect([reply.status, JSON.parse(text)]).toMatchObject([503, { error: { code: 'chain_unreachable' } }])
    expect(text).not.toContain('s3cret')
  }
})

it('keeps a node’s own controls out of reach', async () => {
  const { port, asked } = await openNode(200)
  for (const method of ['anvil_setBalance', 'eth_sendTransaction', 'eth_accounts', 'debug_traceCall']) {
    expect((await ask(`http://127.0.0.1:${port}`, method)).status).toBe(400)
  }
  expect(asked).toEqual([])
})
