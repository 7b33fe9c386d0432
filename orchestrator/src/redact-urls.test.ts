import { createPublicClient, http } from 'viem'
import { expect, it } from 'vitest'
import { redactedFault, redactUrls } from './redact-urls.ts'

it.each([
  ['Reading https://rpc.example/v3/0123456789abcdef failed', 'Reading https://rpc.example/… failed'],
  ['URL: "https://rpc.example:8545?apikey=s3cret", 401', 'URL: "https://rpc.example:8545/…", 401'],
  ['(wss://rpc.example/s3cret)', '(wss://rpc.example/…'],
  ['https://me:s3cret@rpc.example', 'https://…@rpc.example'],
  ['postgres://me:s3cret@db.example/ledger', 'postgres://…@db.example/…'],
  ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080/'],
  ['at file:///app/main.ts:3:1', 'at file:///app/main.ts:3:1'],
])('shortens the addresses in %j', (text, told) => {
  expect(redactUrls(text)).toBe(told)
})

it('tells a fault with its causes, and no key of the node that failed', async () => {
  const client = createPublicClient({ transport: http('http://127.0.0.1:9/v3/s3cret', { retryCount: 0 }) })
  const fault = await client.getBlockNumber().catch((thrown: unknown) => new Error('Reading failed', { cause: thrown }))
  const told = redactedFault(fault)
  expect(told).toContain('HttpRequestError')
  expect(told).toContain('http://127.0.0.1:9/…')
  expect(told).not.toContain('s3cret')
})
