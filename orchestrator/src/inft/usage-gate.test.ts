/** Whom the gate lets in, on a real chain and with the clock of the test: at once where the chain told, within seconds where it did not. */
import { openTestInft, type TestInft, testAccount } from '@computepool/contracts/testing'
import { createManualClock, type ManualClock } from '@computepool/shared/testing'
import { type Address, createPublicClient, custom, type PublicClient } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { createUsageGate, type UsageGate } from './usage-gate.ts'

const owner = testAccount('gate owner')
const friend = testAccount('gate friend').address

let inft: TestInft
let clients: TestInft['clients']
let token: Address
let tokenId: bigint
/** The gate's own way to the chain, which a test can cut. */
let client: PublicClient
let isCut = false
let asked = 0
let clock: ManualClock
let gate: UsageGate
beforeAll(async () => {
  inft = await openTestInft(owner)
  ;({ clients, token } = inft)
  const request = async (body: { method: string; params?: unknown }) => {
    if (isCut) throw new Error('cut')
    if (body.method === 'eth_call') asked++
    return clients.publicClient.request(body as never)
  }
  client = createPublicClient({
    chain: clients.chain,
    transport: custom({ request }, { retryCount: 0 }),
  }) as PublicClient
}, 240_000)
afterAll(() => inft?.close())
beforeEach(async () => {
  isCut = false
  tokenId = await inft.mint()
  clock = createManualClock()
  gate = createUsageGate({ client, place: { token }, clock })
  await gate.refresh()
})
afterEach(() => gate.close())

const send = (functionName: string, args: readonly unknown[]) => inft.send(owner, functionName, args)
const callsOf = async (work: () => Promise<unknown>): Promise<number> => {
  const before = asked
  await work()
  return asked - before
}

it('lets in the owner and whom it authorised, and asks the chain once in a while', async () => {
  expect([await gate.allows(tokenId, owner.address), await gate.allows(tokenId, friend)]).toEqual([true, false])
  await send('authorizeUsage', [tokenId, friend])
  await gate.refresh()
  expect(await gate.allows(tokenId, friend)).toBe(true)
  expect(await callsOf(() => gate.allows(tokenId, friend.toLowerCase() as Address))).toBe(0)
  await clock.advance(15_000)
  expect(await callsOf(() => gate.allows(tokenId, friend))).toBe(2)
})

it('lets nobody in any more once the chain told that it was revoked', async () => {
  await send('authorizeUsage', [tokenId, friend])
  expect(await gate.allows(tokenId, friend)).toBe(true)
  await send('revokeAuthorization', [tokenId, friend])
  // Kept still: nobody told the gate.
  expect(await gate.allows(tokenId, friend)).toBe(true)
  await gate.refresh()
  expect(await gate.allows(tokenId, friend)).toBe(false)
})

it('refuses within 30 seconds after a revocation of which no log arrives', async () => {
  await send('authorizeUsage', [tokenId, friend])
  const patient = createUsageGate({ client, place: { token }, clock, keepMs: 3_600_000, pollMs: 3_600_000 })
  expect(await patient.allows(tokenId, friend)).toBe(true)
  await send('revokeAuthorization', [tokenId, friend])
  await clock.advance(30_000)
  expect(await patient.allows(tokenId, friend)).toBe(false)
  patient.close()
})

it('ends with the authorisation’s own second, not with the time that answers are kept', async () => {
  const { timestamp } = await clients.publicClient.getBlock()
  await send('authorizeUsage', [tokenId, friend, timestamp + 10n])
  expect(await gate.allows(tokenId, friend)).toBe(true)
  await clients.testClient.setNextBlockTimestamp({ timestamp: timestamp + 10n })
  await clients.testClient.mine({ blocks: 1 })
  await clock.advance(10_000)
  expect(await gate.allows(tokenId, friend)).toBe(false)
})

it('is shut while the chain cannot be read, except for answers that are seconds old', async () => {
  expect(await gate.allows(tokenId, owner.address)).toBe(true)
  isCut = true
  expect(await gate.allows(tokenId, owner.address)).toBe(true)
  await expect(gate.allows(tokenId, friend)).rejects.toMatchObject({ code: 'chain_unreachable' })
  await clock.advance(15_000)
  await expect(gate.allows(tokenId, owner.address)).rejects.toMatchObject({ code: 'chain_unreachable' })
  isCut = false
  expect(await gate.allows(tokenId, owner.address)).toBe(true)
})

it('knows a token that does not exist from a chain that does not answer', async () => {
  await expect(gate.allows(999n, owner.address)).rejects.toMatchObject({ code: 'input_not_found' })
})
