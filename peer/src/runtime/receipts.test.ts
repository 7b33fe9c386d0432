import { greedy } from '@computepool/shared/pipeline'
import { type Receipt, type SessionKey, sessionKeyText, verifyReceipts } from '@computepool/shared/receipts'
import { createSeededRandom, fakeJob } from '@computepool/shared/testing'
import type { DeskRequest } from '@computepool/shared/wire'
import { verifySignature } from '@computepool/signaling'
import { expect, test } from 'vitest'
import { openPeerPool, type PeerPool, type PoolPeer } from '../../testing/peer-pool.ts'
import { openSessionKey } from './open-session-key.ts'

const nonce = 'a1'.repeat(32)
const job = fakeJob('r', { maxTokens: 6, sampling: greedy, nonce })

const joinsOf = (tab: PoolPeer) =>
  tab.heard.filter((said): said is Extract<DeskRequest, { type: 'peer-joined' }> => said.type === 'peer-joined')

const isVouchedFor = (tab: PoolPeer, peer: string, { signature, ...named }: SessionKey): Promise<boolean> =>
  verifySignature({
    address: tab.peer().slice(0, 42) as `0x${string}`,
    message: sessionKeyText({ ...named, peer }),
    signature: signature as `0x${string}`,
  })

async function servingRing(pool: PeerPool, count: number): Promise<PoolPeer[]> {
  const tabs = Array.from({ length: count }, () => pool.open())
  for (const tab of tabs) {
    await pool.until('peer-joined', () => joinsOf(tab).length === 1)
    pool.offer(tab)
    await pool.untilStatus(tab, 'waiting-for-slice')
  }
  pool.assign(tabs, 3)
  for (const tab of tabs) await pool.untilStatus(tab, 'serving')
  return tabs
}

const receiptOf = (tab: PoolPeer): Receipt | undefined => {
  const said = tab.heard.find(message => message.type === 'request-receipted')
  if (said === undefined) return undefined
  const { type, ...receipt } = said
  return receipt
}

test('a peer joins with a key that its wallet vouches for: for this pool and this peer alone', async () => {
  const pool = openPeerPool()
  const [tab] = (await servingRing(pool, 1)) as [PoolPeer]
  const { sessionKey } = joinsOf(tab)[0]!
  expect(sessionKey).toMatchObject({ pool: 'http://pool.test', key: expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect(sessionKey!.expiresMs - pool.clock.wallMs()).toBeGreaterThan(23 * 3_600_000)
  expect(await isVouchedFor(tab, tab.peer(), sessionKey!)).toBe(true)
  const otherKey = sessionKey!.key.replace(/^./, digit => (digit === '0' ? '1' : '0'))
  expect(await isVouchedFor(tab, tab.peer(), { ...sessionKey!, key: otherKey })).toBe(false)
  expect(await isVouchedFor(tab, tab.peer(), { ...sessionKey!, pool: 'http://other.test' })).toBe(false)
  expect(await isVouchedFor(tab, tab.peer().replace(/.$/, 'x'), sessionKey!)).toBe(false)
})

test('after a break it joins with the same key, by the same word of its wallet', async () => {
  const pool = openPeerPool()
  const [tab] = (await servingRing(pool, 1)) as [PoolPeer]
  tab.breakSocket()
  await pool.until('back', () => joinsOf(tab).length === 2)
  const [first, second] = joinsOf(tab)
  expect(second!.sessionKey).toEqual(first!.sessionKey)
})

test('the wallet is asked again for another pool, and before its word expires', async () => {
  const hour = 3_600_000
  let nowMs = 1000
  const asked: string[] = []
  const key = openSessionKey({
    clock: { monotonicMs: () => 0, wallMs: () => nowMs, schedule: () => () => {} },
    entropy: createSeededRandom(1),
    peer: 'me',
    sign: async message => {
      asked.push(message)
      return '0x00'
    },
  })
  const first = await key.vouchedFor('http://a.test')
  nowMs += 11 * hour
  expect(await key.vouchedFor('http://a.test')).toBe(first)
  nowMs += 2 * hour
  const second = await key.vouchedFor('http://a.test')
  expect(second).toMatchObject({ key: first.key, expiresMs: first.expiresMs + 13 * hour })
  expect(await key.vouchedFor('http://b.test')).toMatchObject({ key: first.key, pool: 'http://b.test' })
  expect(asked).toHaveLength(3)
})

test('each seat of a ring gives one receipt, signed with that key, and together they are whole', async () => {
  const pool = openPeerPool()
  const tabs = await servingRing(pool, 3)
  pool.command(tabs[0]!, { type: 'run-request', epoch: 3, job })
  await pool.until('receipts', () => tabs.every(tab => receiptOf(tab) !== undefined))
  const heardTokens = tabs[0]!.heard.flatMap(said => (said.type === 'token-generated' ? [said.sampled.token] : []))
  const receipts = tabs.map(tab => receiptOf(tab)!)
  const attempt = {
    coalition: 'c3',
    epoch: 3,
    requestId: 'r',
    nonce,
    seats: receipts.map(({ seat, layers }) => ({ seat, layers, key: joinsOf(tabs[seat]!)[0]!.sessionKey!.key })),
    receipts,
    sentTokens: job.promptTokens,
    heardTokens,
    isComplete: true,
  }
  expect(heardTokens).toHaveLength(6)
  expect(verifyReceipts(attempt)).toEqual({ verdict: 'whole', faults: [], whole: [0, 1, 2] })
  const swapped = [receipts[0]!, { ...receipts[2]!, seat: 1, layers: receipts[1]!.layers }, receipts[2]!]
  expect(verifyReceipts({ ...attempt, receipts: swapped }).faults).toMatchObject([{ fault: 'forged', seats: [1] }])
  for (const tab of tabs) expect(tab.heard.filter(({ type }) => type === 'request-receipted')).toHaveLength(1)
})
