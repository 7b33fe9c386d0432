/** What strangers' questions cost of the chain: at a private pool's door, and about transfers. */
import { accessHeader } from '@computepool/shared/inft'
import { createManualClock } from '@computepool/shared/testing'
import { Hono } from 'hono'
import { type Address, type Hex, type PublicClient, zeroAddress } from 'viem'
import { expect, it } from 'vitest'
import { createTestPool } from '../../testing/test-pool.ts'
import { createCallLimiter } from '../api/call-limiter.ts'
import { errorResponse } from '../api/openai-routes.ts'
import { createAccessGate } from './access-gate.ts'
import { type InftDesk, noInft, type OpenedInft } from './inft-desk.ts'
import { createKeptOwner } from './kept-owner.ts'
import { privateDoor, privatePaths } from './private-door.ts'
import { createTransferDesk, type KeptTransfers } from './transfer-desk.ts'
import type { TransferOracle } from './transfer-oracle.ts'
import { createUsageGate } from './usage-gate.ts'

const account = (index: number): Address => `0x${String(index).padStart(40, '0')}`
const owner = account(77)
const place = { chainId: 1, token: account(5), verifier: account(6) }
/** A chain of which `owner` holds every token; it counts what it is asked. */
function openChain() {
  let [calls, block, isAway] = [0, 5n, false]
  const said: Record<string, unknown> = {
    ownerOf: owner,
    authorizationOf: [false, 0n],
    intelligentDataOf: [],
    sealedKeysOf: [],
    versionOf: 1n,
    reencryptionOf: [zeroAddress, zeroAddress, false],
  }
  const answer = async (value: () => unknown) => {
    calls++
    if (isAway) throw new Error('away')
    return value()
  }
  const client = {
    getBlockNumber: () => answer(() => block),
    getBlock: () => answer(() => ({ number: block, hash: `0x${block}`, timestamp: block })),
    getLogs: () => answer(() => []),
    readContract: ({ functionName }: { functionName: string }) => answer(() => said[functionName]),
  } as unknown as PublicClient
  return {
    client,
    mine: () => block++,
    cut: () => {
      isAway = true
    },
    callsOf: async <T>(work: () => Promise<T>): Promise<number> => {
      const before = calls
      await work()
      return calls - before
    },
  }
}

it('asks the chain little, however often somebody knocks at a private pool', async () => {
  const { client, callsOf, cut } = openChain()
  const clock = createManualClock()
  const ownerOf = createKeptOwner({ client, place, tokenId: 1n, clock })
  const gate = createUsageGate({ client, place, clock })
  const signIn = { addressOf: (token: string) => account(Number(token)) }
  const access = createAccessGate({ place, tokenId: 1n, gate, signIn, ownerOf })
  const desk: InftDesk = { isPrivate: true, why: () => null, opened: () => ({ access }) as OpenedInft }
  const limiter = createCallLimiter(() => ({ perMinute: 60, concurrent: 4 }), clock)
  const app = new Hono()
  app.onError(errorResponse)
  app.on(
    'POST',
    privatePaths,
    privateDoor(desk, () => limiter.begin('one address')),
  )
  const knock = (user: number) =>
    app.request('/v1/chat/completions', { method: 'POST', headers: { [accessHeader]: String(user) } })
  const statuses = new Map<number, number>()
  const calls = await callsOf(async () => {
    for (let index = 0; index < 1000; index++) {
      const { status } = await knock(1)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  })
  // One question of three parts whether it may, and one who owns it.
  expect([Object.fromEntries(statuses), calls]).toEqual([{ 403: 60, 429: 940 }, 4])
  await clock.advance(60_000)
  const together = await callsOf(async () => {
    expect((await Promise.all([2, 2, 2, 2].map(knock))).map(({ status }) => status)).toEqual([403, 403, 403, 403])
  })
  expect(together).toBe(4)
  cut()
  await clock.advance(60_000)
  await expect(ownerOf()).rejects.toThrow('away')
  expect(await callsOf(() => ownerOf().catch(() => null))).toBe(0)
  gate.close()
})

it('counts whom a private pool turns away, by address', async () => {
  const inft: InftDesk = { ...noInft('It is being made ready.'), isPrivate: true }
  const pool = createTestPool({}, { inft, address: '203.0.113.9' })
  const statuses: number[] = []
  for (let index = 0; index < 61; index++) statuses.push((await pool.chat({})).status)
  expect(statuses).toEqual([...Array(60).fill(503), 429])
})

it('reads what a block says of transfers once, whoever asks', async () => {
  const { client, callsOf, mine } = openChain()
  const hash: Hex = `0x${'11'.repeat(32)}`
  const rows = Array.from({ length: 20 }, (_, index) => ({
    ...{ id: String(index), tokenId: '1', from: owner, to: account(3), isClone: false, deadline: 100, atMs: 0 },
    entries: [{ description: '', blob: { root: hash, sizeBytes: 1 }, ownershipProof: { newDataHash: hash } }],
    accessProofs: [],
  })) as unknown as KeptTransfers
  const desk = createTransferDesk({
    ...{ client, place, clock: createManualClock(), onBlob: () => {}, oracle: {} as TransferOracle },
    kept: { value: rows, set: async () => {} },
  })
  // The block, the token's five, and each transfer's own.
  expect(await callsOf(() => desk.of(owner))).toBe(1 + 5 + 20)
  expect(await callsOf(() => desk.of(owner))).toBe(1)
  expect(await callsOf(() => desk.of(account(3)))).toBe(1)
  expect(await callsOf(() => desk.of(account(4)))).toBe(0)
  mine()
  expect(await callsOf(() => desk.of(owner))).toBe(1 + 5 + 20)
})
