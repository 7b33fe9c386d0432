import { createReceiptSigner, type SessionKey, sessionKeyText } from '@computepool/shared/receipts'
import { createManualClock } from '@computepool/shared/testing'
import { privateKeyToAccount } from 'viem/accounts'
import { expect, it } from 'vitest'
import { createSessionKeys } from './session-keys.ts'

const wallet = privateKeyToAccount(`0x${'42'.repeat(32)}`)
const peer = `${wallet.address.toLowerCase()}.0000abcd`
const { key } = createReceiptSigner(new Uint8Array(32).fill(5))
const origin = 'https://pool.example.org'

async function vouched(change: Partial<SessionKey & { peer: string }> = {}): Promise<SessionKey> {
  const { peer: named, ...said } = { peer, pool: origin, key, expiresMs: Date.UTC(2100, 0, 1), ...change }
  return { signature: await wallet.signMessage({ message: sessionKeyText({ ...said, peer: named }) }), ...said }
}

/** The key that the desk takes for the peer's. */
async function keyOf(said: SessionKey | undefined, who = peer, at: string | null = origin): Promise<string | null> {
  const clock = createManualClock(Date.UTC(2026, 0, 1))
  const keys = createSessionKeys({ clock, origin: at })
  keys.joined(who, said)
  // Not before its wallet's signature was looked at.
  expect(keys.of(who)).toBe(null)
  for (let turn = 0; turn < 20; turn++) await clock.settle()
  return keys.of(who)?.key ?? null
}

it('takes the key that the peer’s own wallet vouched for, for this pool', async () => {
  expect(await keyOf(await vouched())).toBe(key)
  expect(await keyOf(await vouched({ pool: `${origin}/` }))).toBe(key)
  expect(await keyOf(await vouched({ pool: 'https://hub.example.net' }), peer, null)).toBe(key)
})

it('takes no other', async () => {
  const said = await vouched()
  expect(await keyOf(undefined)).toBe(null)
  expect(await keyOf({ ...said, key: 'ab'.repeat(32) })).toBe(null)
  expect(await keyOf({ ...said, expiresMs: said.expiresMs + 1 })).toBe(null)
  expect(await keyOf({ ...said, signature: `0x${'00'.repeat(65)}` })).toBe(null)
  expect(await keyOf(said, `0x${'99'.repeat(20)}.0000abcd`)).toBe(null)
  expect(await keyOf(said, `${wallet.address.toLowerCase()}.0000dcba`)).toBe(null)
  expect(await keyOf(await vouched({ pool: 'https://elsewhere.example.org' }))).toBe(null)
  expect(await keyOf(await vouched({ pool: 'nowhere' }))).toBe(null)
  expect(await keyOf(await vouched({ expiresMs: Date.UTC(2025, 0, 1) }))).toBe(null)
})

it('forgets who is gone, and who joins anew without one', async () => {
  const clock = createManualClock(Date.UTC(2026, 0, 1))
  const keys = createSessionKeys({ clock, origin, verifyWallet: async () => true })
  const join = async (said: SessionKey | undefined) => {
    keys.joined(peer, said)
    await clock.settle()
    return keys.of(peer)?.key ?? null
  }
  const said = await vouched()
  expect(await join(said)).toBe(key)
  expect(await join(undefined)).toBe(null)
  expect(await join(said)).toBe(key)
  keys.gone(peer)
  expect(keys.of(peer)).toBe(null)
})
