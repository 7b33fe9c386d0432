import { ComputePoolError } from '@computepool/shared/errors'
import { accessHeader } from '@computepool/shared/inft'
import { fileRootOf } from '@computepool/shared/storage0g'
import { expect, test } from 'vitest'
import { payerAccount } from '../ui/testing/fake-money.ts'
import type { ActingWallet } from '../wallet/payer-wallet.ts'
import { createAccessStore, fetchWithAccess } from './access-store.ts'
import { createInftClient } from './inft-client.ts'

const wallet: ActingWallet = {
  address: payerAccount.address,
  signMessage: message => payerAccount.signMessage({ message }),
  signTypedData: async () => '0x',
  send: async () => '0x',
}

function setUp({ kept = new Map<string, string>(), refusal = null as Error | null } = {}) {
  let nowMs = 1_000
  const asked: string[] = []
  const store = createAccessStore({
    client: {
      async challenge(address) {
        asked.push(address)
        if (refusal !== null) throw refusal
        return `I am ${address}`
      },
      signIn: async message => ({ token: 'secret', address: message.slice(5) as `0x${string}`, endsAt: 5_000 }),
      signOut: async () => {},
    },
    wallet: () => wallet,
    storage: {
      getItem: key => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: key => void kept.delete(key),
    },
    wallMs: () => nowMs,
  })
  return { store, asked, kept, setNow: (ms: number) => (nowMs = ms) }
}

test('a sign-in outlives a reload of the tab, and not its own end', async () => {
  const first = setUp()
  await first.store.signIn()
  await first.store.signIn()
  expect(first.asked).toHaveLength(1)
  const second = setUp({ kept: first.kept })
  expect(second.store.token()).toBe('secret')
  expect(second.store.getSnapshot().address).toBe(payerAccount.address)
  second.setNow(5_000)
  expect(second.store.token()).toBeNull()
  expect(second.store.getSnapshot().address).toBeNull()
  expect(second.kept.size).toBe(0)
})

test('a refusal is shown with its remedy, and nothing is kept', async () => {
  const refusal = new ComputePoolError('swarm_busy', 'Too many sign-ins.', { remedy: 'Try again in a minute.' })
  const { store, kept } = setUp({ refusal })
  await store.signIn()
  expect(store.getSnapshot()).toMatchObject({ isBusy: false, error: { remedy: 'Try again in a minute.' } })
  expect([store.token(), kept.size]).toEqual([null, 0])
})

test('the session goes to this origin’s API, beside what pays, and nowhere else', async () => {
  const sent: (string | null)[] = []
  const inner = (async (_input: string, init?: RequestInit) => {
    sent.push(new Headers(init?.headers).get(accessHeader))
    return new Response()
  }) as typeof fetch
  const forget = () => {}
  const asked = fetchWithAccess({ token: () => 'secret', forget }, inner)
  await asked('/v1/chat/completions', { headers: { authorization: 'Bearer paid' } })
  await asked('https://elsewhere.example/v1/chat/completions')
  await fetchWithAccess({ token: () => null, forget }, inner)('/v1/chat/completions')
  expect(sent).toEqual(['secret', null, null])
})

test('a sign-in that the server knows no more is given up, and another one is not', async () => {
  const { store } = setUp()
  await store.signIn()
  const refused = fetchWithAccess(store, async () => new Response(null, { status: 401 }))
  store.forget('another')
  expect(store.token()).toBe('secret')
  expect((await refused('/v1/chat/completions')).status).toBe(401)
  expect([store.token(), store.getSnapshot().address]).toEqual([null, null])
})

test('a container that is another, shorter or longer than the chain names is not taken', async () => {
  const container = new Uint8Array(300).fill(7)
  const { root, sizeBytes } = fileRootOf(container)
  const ask = (bytes: Uint8Array) =>
    createInftClient(async () => new Response(new Uint8Array(bytes))).blob({ root, sizeBytes })
  expect(await ask(container)).toEqual(container)
  const changed = container.slice()
  changed[299]! ^= 1
  // Zeros at the end of the last chunk leave the root as it is.
  for (const bytes of [changed, container.slice(0, 299), Uint8Array.from([...container, 0]), new Uint8Array(0)]) {
    await expect(ask(bytes)).rejects.toMatchObject({ code: 'artifact_digest_mismatch' })
  }
})
