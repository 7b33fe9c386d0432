/** The packed package, in the hands of a stranger: its examples in plain Node, against a real pool with a chain and a ring. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPaidPool, type PaidPool } from './open-paid-pool.ts'
import { type PackedSdk, packSdk } from './pack-sdk.ts'

let pool: PaidPool
let sdk: PackedSdk
beforeAll(async () => {
  ;[pool, sdk] = await Promise.all([openPaidPool(), packSdk(['openai'])])
}, 240_000)
afterAll(async () => {
  await Promise.all([pool?.close(), sdk?.remove()])
})

test('the examples do what they say', { timeout: 120_000 }, async () => {
  const example = (name: string) => sdk.node(`examples/${name}.mjs`, { POOL_URL: pool.url })
  const [chat, stream, openai] = await Promise.all(['chat', 'stream', 'openai'].map(example))
  // The demo model knows one thing, and says it greedily.
  expect(chat).toMatch(
    /^ComputePool runs one AI model across several browser tabs\..*\nPaid 0\.0[0-9]+ USDC, refunded 0\.09[0-9]+\.\n$/s,
  )
  expect(stream).toContain('ComputePool runs one AI model across several browser tabs.')
  expect(stream).toMatch(/\([0-9]+ tokens, ended by stop\)\nPaid 0\.0[0-9]+ \+ refunded 0\.09[0-9]+ = cap 0\.1 USDC\n$/)
  expect(openai).toMatch(/The exit .*\nPaid 0\.0[0-9]+ USDC for 1 request\.\n$/s)
})
