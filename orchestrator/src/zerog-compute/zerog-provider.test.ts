/**
 * The pool as a provider of 0G Compute over real sockets and a real chain with the mock contract: what a 0G client sends, what it gets, what it
 * owes, and what the provider is paid. Only 0G's contract is not 0G's.
 */
import { createHash } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedChain } from '@computepool/contracts/chain'
import { addTestServing, clientsFor, type SpawnedAnvil, spawnAnvil, testAccount } from '@computepool/contracts/testing'
import { answerSignatureSchema } from '@computepool/shared/attestation'
import {
  additionalInfoOf,
  serviceType,
  settleNowMessage,
  verifiabilityOf,
  zerogEarningsSchema,
  zerogSettledSchema,
  zerogStatusSchema,
} from '@computepool/shared/zerog-compute'
import { type Hex, parseEther, recoverMessageAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { FakeTab } from '../../testing/fake-tab.ts'
import { openSocketRing } from '../../testing/open-socket-ring.ts'
import { tinyModel, writeTinyPack } from '../../testing/tiny-pack.ts'
import { createSimulatedProvider } from '../attestation/simulated-provider.ts'
import { hostClock } from '../host.ts'
import { type RunningOrchestrator, startOrchestrator } from '../serve.ts'
import { type AppKeyWords, appKeyDigest, writeAppKey } from './app-key.ts'
import { openZerog } from './open-zerog.ts'

const providerKey: Hex = `0x${'7a'.repeat(32)}`
const provider = privateKeyToAccount(providerKey)
const user = testAccount('0G client')
const attestation = createSimulatedProvider(`0x${'5a'.repeat(32)}`)
const [inputPrice, outputPrice] = [1_000_000_000_000_000n, 3_000_000_000_000_000n]

let folder = ''
let anvil: SpawnedAnvil
let clients: ReturnType<typeof clientsFor>
let bench: Awaited<ReturnType<typeof addTestServing>>
let running: RunningOrchestrator
let entry: FakeTab
/** Of all tabs that ever sat in a ring. */
const wallets = new Set<string>()
const faults: unknown[] = []
/** What is remembered of the chain grows old at the test's word. */
let passedMs = 0
const clock = { ...hostClock, monotonicMs: () => hostClock.monotonicMs() + passedMs }

async function start(): Promise<void> {
  const zerog = await openZerog({
    settings: {
      ...{ chain: anvil.url, serving: bench.serving, key: providerKey },
      ...{ cutBasisPoints: 1_000, pay: { atNeuron: 1n } },
    },
    ...{ attestation, dataDir: folder, clock, onNotice: () => {} },
    onFault: fault => void faults.push(fault),
  })
  running = await startOrchestrator({ port: 0, packDir: folder, pageFolder: null, minSeats: 2, attestation, zerog })
  const ring = await openSocketRing(running, tinyModel)
  ;({ entry } = ring)
  for (const { peer } of ring.tabs) wallets.add(peer.slice(0, 42).toLowerCase())
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-zerog-'))
  await writeTinyPack(folder)
  anvil = await spawnAnvil()
  clients = clientsFor(embeddedChain(anvil.url), anvil.url)
  bench = await addTestServing(clients)
  await start()
}, 240_000)
afterAll(async () => {
  await running?.close()
  await anvil?.close()
  await rm(folder, { recursive: true })
})

async function keyOf(changes: Partial<AppKeyWords> = {}, by = user): Promise<string> {
  const { address } = by
  const words = { address, provider: provider.address, timestamp: Date.now(), expiresAt: 0, nonce: 'a1' }
  const json = JSON.stringify({ ...words, generation: 0, tokenId: 7, ...changes })
  return writeAppKey(json, await by.signMessage({ message: { raw: appKeyDigest(json) } }))
}
const chat = (key: string, body: object | string) =>
  fetch(`${running.url}/v1/proxy/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const ask = { model: tinyModel, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 16 }
const say = async (text: string): Promise<void> => {
  const { requestId } = await entry.nextJob()
  for (const [index, token] of [...Buffer.from(text)].entries()) entry.token(requestId, index, token)
  entry.finish(requestId, 'length', text.length)
}
const get = async (path: string) => (await fetch(`${running.url}${path}`)).json() as Promise<Record<string, unknown>>
const owed = async () => BigInt(String((await get(`/v1/user/${user.address}/unsettledfee`)).unsettledFee))
const codeOf = async (reply: Promise<Response>) => {
  const response = await reply
  return [response.status, ((await response.json()) as { error: { code: string } }).error.code]
}
async function settle() {
  const at = Math.floor(Date.now() / 1000)
  const word = await provider.signMessage({ message: settleNowMessage(bench.serving, at) })
  const headers = { authorization: `ZeroG ${at}.${word}` }
  return zerogSettledSchema.parse(
    await (await fetch(`${running.url}/v1/zerog/settle`, { method: 'POST', headers })).json(),
  )
}

it('serves nobody before 0G’s team has acknowledged its signer, and says so', async () => {
  expect(await get('/v1/zerog')).toMatchObject({ service: null, problem: expect.stringContaining('not registered') })
  const signer = (await attestation.signer()).address
  const terms = { serviceType, url: 'https://pool.example.org', model: tinyModel, inputPrice, outputPrice }
  const texts = { verifiability: verifiabilityOf('simulated'), additionalInfo: additionalInfoOf('simulated') }
  await bench.send(
    provider,
    'addOrUpdateService',
    [{ ...terms, ...texts, teeSignerAddress: signer }],
    parseEther('100'),
  )
  await bench.lock(user, provider.address, parseEther('1'))
  passedMs += 60_000
  expect(await codeOf(chat(await keyOf(), ask))).toEqual([503, 'chain_unavailable'])
  await bench.acknowledge(provider.address)
  passedMs += 60_000
  const status = zerogStatusSchema.parse(await get('/v1/zerog'))
  expect(status).toMatchObject({
    problem: null,
    signer,
    service: { isAcknowledged: true, verifiability: texts.verifiability },
  })
})

it('refuses keys that are not good, each by what is wrong with it', async () => {
  const words = async (key: string) =>
    ((await (await chat(key, ask)).json()) as { error: { message: string } }).error.message
  const day = 24 * 3_600_000
  const stranger = testAccount('0G stranger')
  const signed = await keyOf()
  const moved = Buffer.from(signed.slice('app-sk-'.length), 'base64').toString().replace('"a1"', '"a2"')
  const bad = {
    'not 0G’s JSON': 'app-sk-AAAA',
    'begins with app-sk-': 'sk-1',
    'another provider': await keyOf({ provider: stranger.address }),
    'has expired': await keyOf({ expiresAt: Date.now() - 1 }),
    'of a later time': await keyOf({ timestamp: Date.now() + day }),
    'a day at most': await keyOf({ tokenId: 255, expiresAt: Date.now() + 2 * day }),
    'not signed by': await keyOf({ address: user.address }, stranger),
    'is not signed': `app-sk-${Buffer.from(moved).toString('base64')}`,
    'no user of its own': await keyOf({}, provider),
    'taken it back': await keyOf({ generation: 1 }),
    'locked nothing': await keyOf({}, stranger),
  }
  for (const [why, key] of Object.entries(bad)) expect(await words(key), why).toContain(why)
  expect(await words(bad['another provider'])).not.toContain(bad['another provider'])
})

it('answers, signs the bytes that passed, and charges by the token what the chain says', async () => {
  const key = await keyOf({ tokenId: 255, expiresAt: Date.now() + 3_600_000 })
  const body = JSON.stringify({ ...ask, stream: true })
  const reply = chat(key, body)
  await say('Hello')
  const response = await reply
  const bytes = Buffer.from(await response.arrayBuffer())
  const usage = /"usage":\{"prompt_tokens":(\d+),"completion_tokens":(\d+)/.exec(bytes.toString())!
  expect(usage[2]).toBe('5')
  expect(bytes.toString()).not.toContain('"payment"')
  const signed = await get(`/v1/proxy/signature/${response.headers.get('zg-res-key')}?model=${tinyModel}`)
  const hex = (data: Buffer | string) => createHash('sha256').update(data).digest('hex')
  expect(signed.text).toBe(`cp-sim-v1:${hex(body)}:${hex(bytes)}`)
  const { text, signature } = answerSignatureSchema.parse(signed)
  expect(await recoverMessageAddress({ message: text, signature: signature as Hex })).toBe(
    (await attestation.signer()).address,
  )
  expect(await owed()).toBe(BigInt(usage[1]!) * inputPrice + 5n * outputPrice)
  expect(await get('/v1/proxy/attestation/report')).toMatchObject({ quote: null, attestation: 'simulated' })
})

it('sets the longest answer’s price aside, and charges no error', async () => {
  const before = await owed()
  const key = await keyOf()
  const first = chat(key, { ...ask, max_tokens: 180 })
  entry.token((await entry.nextJob()).requestId, 0, 65)
  expect(await codeOf(chat(key, { ...ask, max_tokens: 180 }))).toEqual([402, 'payment_required'])
  entry.leave()
  expect((await first).status).toBeGreaterThanOrEqual(500)
  expect(await codeOf(chat(key, '{'))).toEqual([400, 'input_invalid'])
  expect(await owed()).toBe(before)
})

it('outlives a restart, and is paid once for all that was answered', async () => {
  const before = await owed()
  expect(before).toBeGreaterThan(0n)
  await running.close()
  await start()
  expect(await owed()).toBe(before)
  expect((await fetch(`${running.url}/v1/zerog/settle`, { method: 'POST' })).status).toBe(401)
  const purse = () => bench.accountOf(user.address, provider.address)
  const { balance } = await purse()
  const settled = await settle()
  expect(settled).toMatchObject({
    problem: null,
    unsettledNeuron: '0',
    items: [{ outcome: 'success', feeNeuron: String(before) }],
  })
  expect(balance - (await purse()).balance).toBe(before)
  expect((await settle()).items).toEqual([])
  expect([await owed(), balance - (await purse()).balance]).toEqual([0n, before])
})

it('pays those who served what was received, less gas and the provider’s cut, at their own wallets', async () => {
  // The settlement before has sent it; this one sees that it is there.
  await settle()
  const earnings = zerogEarningsSchema.parse(await get('/api/zerog/earnings'))
  const [received, gas, cut, carried] = [
    ...[earnings.receivedNeuron, earnings.gasNeuron, earnings.cutNeuron, earnings.carriedNeuron].map(BigInt),
  ] as [bigint, bigint, bigint, bigint]
  expect(gas).toBeGreaterThan(0n)
  expect(cut).toBe(received / 10n)
  expect(earnings.operators).toHaveLength(2)
  let paid = 0n
  for (const { wallet, ...told } of earnings.operators) {
    expect(wallets).toContain(wallet)
    const balance = await clients.publicClient.getBalance({ address: wallet as Hex })
    expect(told).toEqual({ owedNeuron: '0', sendingNeuron: '0', paidNeuron: String(balance), doubtedNeuron: '0' })
    paid += balance
  }
  expect(paid).toBeGreaterThan(0n)
  expect(paid + carried + gas + cut).toBe(received)
  const [{ wallet, paidNeuron }] = earnings.operators as [(typeof earnings.operators)[0]]
  expect(await get(`/api/zerog/earnings?operator=${wallet}`)).toMatchObject({ operators: [{ wallet, paidNeuron }] })
})

it('serves nobody once a fee could not be written, and settles after a restart', async () => {
  const reply = chat(await keyOf(), ask)
  await say('Hi')
  await (await reply).arrayBuffer()
  const before = await owed()
  const any = await open(join(folder, 'any'), 'w')
  await any.close()
  const full = vi.spyOn(Object.getPrototypeOf(any), 'appendFile').mockRejectedValue(new Error('The disk is full.'))
  const problem = expect.stringContaining('could not be written')
  expect(await settle()).toMatchObject({ problem, unsettledNeuron: String(before) })
  full.mockRestore()
  expect(await get('/v1/zerog')).toMatchObject({ problem })
  expect(await codeOf(chat(await keyOf(), ask))).toEqual([503, 'chain_unavailable'])
  expect(faults.splice(0)).toHaveLength(1)
  await running.close()
  await start()
  expect(await settle()).toMatchObject({ problem: null, items: [{ outcome: 'success', feeNeuron: String(before) }] })
})

it('lets nobody in by a key that its user took back on the chain', async () => {
  const key = await keyOf({ tokenId: 9 })
  await bench.send(user, 'revokeToken', [provider.address, 9])
  passedMs += 15_000
  expect(await codeOf(chat(key, ask))).toEqual([401, 'peer_unauthenticated'])
  const other = chat(await keyOf({ tokenId: 8 }), ask)
  await say('A')
  expect((await other).status).toBe(200)
  await bench.send(user, 'revokeAllTokens', [provider.address])
  passedMs += 15_000
  expect(await codeOf(chat(await keyOf({ tokenId: 8 }), ask))).toEqual([401, 'peer_unauthenticated'])
  await anvil.close()
  passedMs += 15_000
  expect(await codeOf(chat(await keyOf({ generation: 1 }), ask))).toEqual([503, 'chain_unreachable'])
  expect(faults).toEqual([])
})
