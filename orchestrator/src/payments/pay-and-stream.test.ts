/** The whole way of a cent, over sockets: an embedded chain, unmodified clients, tabs that earn, and the refund. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { streamVaultAbi, usdcAbi } from '@computepool/contracts/abi'
import { killChainWithUs } from '@computepool/contracts/testing'
import {
  activityRunsSchema,
  earningsSchema,
  openedSessionSchema,
  type PaidTerms,
  receiptSchema,
  type SessionView,
  sessionViewSchema,
} from '@computepool/shared/money'
import { ExactEvmScheme } from '@x402/evm/exact/client'
import { wrapFetchWithPayment, x402Client } from '@x402/fetch'
import OpenAI from 'openai'
import { createPublicClient, createWalletClient, encodeFunctionData, type Hex, http } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { anvil } from 'viem/chains'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FakeTab } from '../../testing/fake-tab.ts'
import { openSocketRing } from '../../testing/open-socket-ring.ts'
import { dataOf, readSse } from '../../testing/read-sse.ts'
import { tinyModel as model, writeTinyPack } from '../../testing/tiny-pack.ts'
import { type RunningOrchestrator, startOrchestrator } from '../serve.ts'

const question = { model, messages: [{ role: 'user' as const, content: 'Hi' }] }
const payer = privateKeyToAccount(generatePrivateKey())
const paying = wrapFetchWithPayment(
  fetch,
  x402Client.fromConfig({
    schemes: [{ network: 'eip155:*', client: new ExactEvmScheme(payer) }],
    // A chain of our own has no asset that the client knows by itself.
    spendControls: false,
  }),
)

let folder = ''
let running: RunningOrchestrator
let tabs: readonly FakeTab[]
let entry: FakeTab
let terms: PaidTerms
const json = { 'content-type': 'application/json' }

const start = (): Promise<RunningOrchestrator> =>
  startOrchestrator({
    port: 0,
    packDir: join(folder, 'pack'),
    pageFolder: null,
    money: { mode: 'paid', chain: { kind: 'embedded' }, dataDir: join(folder, 'data'), pricePerSecondAtomic: 100_000n },
  })

const usdcOf = (owner: Hex): Promise<bigint> =>
  createPublicClient({ transport: http(terms.chain.rpcUrl) }).readContract({
    address: terms.usdc as Hex,
    abi: usdcAbi,
    functionName: 'balanceOf',
    args: [owner],
  })

/** Follows a session until a view satisfies `isSo`. */
async function follow(token: string, isSo: (view: SessionView) => boolean): Promise<SessionView> {
  const stream = await fetch(`${running.url}/v1/sessions/current/events`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const events = readSse(stream)
  for (let event = await events.next(); event !== null; event = await events.next()) {
    const view = sessionViewSchema.parse(dataOf(event))
    if (!isSo(view)) continue
    await events.cancel()
    return view
  }
  throw new Error('The session was over before it came to that.')
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-pay-'))
  killChainWithUs(join(folder, 'data'))
  await writeTinyPack(join(folder, 'pack'))
  running = await start()
  // The page and the API are there before the chain is.
  expect((await fetch(`${running.url}/api/money`)).status).toBe(503)
  expect((await fetch(`${running.url}/api/pool`)).status).toBe(200)
  terms = await (await running.money!.ready).terms()
  ;({ tabs, entry } = await openSocketRing(running, model))
  const gift = { method: 'POST', headers: json, body: JSON.stringify({ address: payer.address }) }
  expect((await fetch(`${running.url}/api/faucet`, gift)).status).toBe(200)
}, 300_000)
afterAll(async () => {
  await running?.close()
  await rm(folder, { recursive: true })
}, 60_000)

describe('unmodified clients', () => {
  it('@x402/fetch pays for one answer and reads it while it is made', async () => {
    const before = await usdcOf(payer.address)
    const reply = paying(`${running.url}/v1/chat/completions`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ ...question, stream: true }),
    })
    const { requestId } = await entry.nextJob()
    entry.flow(requestId)
    entry.token(requestId, 0, 65)
    const events = readSse(await reply)
    await events.next()
    // The last token does not exist yet.
    expect(dataOf(await events.next())).toMatchObject({ choices: [{ delta: { content: 'A' } }] })
    entry.token(requestId, 1, 66)
    entry.finish(requestId, 'stop', 4)
    const last = dataOf((await events.rest()).at(-2)!) as {
      computepool: { payment: { sessionId: string; costAtomic: string } }
    }
    const { sessionId, costAtomic } = last.computepool.payment
    expect(BigInt(costAtomic)).toBeGreaterThan(0n)
    const till = await running.money!.ready
    const closed = await follow(till.tokens.tokenOf(sessionId as Hex), view => view.status === 'closed')
    expect(closed).toMatchObject({
      spentAtomic: BigInt(costAtomic),
      refundableAtomic: terms.requestCapAtomic - BigInt(costAtomic),
    })
    expect(await usdcOf(payer.address)).toBe(before - BigInt(costAtomic))
  }, 120_000)

  it('the OpenAI client streams with a session’s token; operators earn, the rest comes back', async () => {
    const before = await usdcOf(payer.address)
    const capAtomic = 2_000_000n
    const opened = await paying(`${running.url}/v1/sessions`, {
      method: 'POST',
      headers: { ...json, 'idempotency-key': crypto.randomUUID() },
      body: JSON.stringify({ capAtomic: capAtomic.toString() }),
    })
    expect(opened.status).toBe(201)
    const { token } = openedSessionSchema.parse(await opened.json())
    const openai = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: token, maxRetries: 0 })
    const stream = openai.chat.completions.create({ ...question, stream: true })
    const { requestId } = await entry.nextJob()
    entry.flow(requestId)
    entry.token(requestId, 0, 65)
    const chunks: string[] = []
    for await (const chunk of await stream) {
      const text = chunk.choices[0]?.delta.content ?? ''
      chunks.push(text)
      if (text !== 'A') continue
      // The answer goes on until its stream is seen on the chain.
      const live = await follow(token, view => view.rateWei > 0n)
      expect(live).toMatchObject({ status: 'streaming', rateWei: 100_000n * 10n ** 12n, runningRequests: 1 })
      entry.token(requestId, 1, 66)
      entry.finish(requestId, 'stop', 4)
    }
    expect(chunks.join('')).toBe('AB')
    const authorization = `Bearer ${token}`
    const closing = await fetch(`${running.url}/v1/sessions/current`, { method: 'DELETE', headers: { authorization } })
    expect(closing.status).toBe(202)
    const closed = await follow(token, view => view.status === 'closed')
    const reply = await fetch(`${running.url}/v1/sessions/current/receipt`, { headers: { authorization } })
    const receipt = receiptSchema.parse(await reply.json())
    expect(receipt.requests).toMatchObject([{ requestId, tokens: 2, stoppedBy: 'stop' }])
    expect(receipt.paidAtomic + receipt.refundedAtomic).toBe(capAtomic)
    expect(receipt.requests[0]!.costAtomic).toBe(receipt.paidAtomic)
    expect(receipt.transactions.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['open', 'set', 'close']))
    expect(closed.refundableAtomic).toBe(receipt.refundedAtomic)
    expect(await usdcOf(payer.address)).toBe(before - receipt.paidAtomic)
    const earned = await Promise.all(
      tabs.map(async tab => {
        const told = await fetch(`${running.url}/api/operators/${tab.peer.slice(0, 42)}/earnings`)
        return earningsSchema.parse(await told.json())
      }),
    )
    for (const { units, receivedWei, requests } of earned) {
      expect([units > 0, receivedWei > 0n]).toEqual([true, true])
      expect(requests.map(request => request.requestId)).toContain(requestId)
    }
    const owner = { authorization: `Bearer ${running.money!.desk.ownerToken}` }
    const { runs } = activityRunsSchema.parse(
      await (await fetch(`${running.url}/api/activity/runs`, { headers: owner })).json(),
    )
    const ran = new Set(runs.map(({ workflow }) => workflow))
    expect([...ran]).toEqual(expect.arrayContaining(['set-units', 'stream-start', 'stream-stop']))
  }, 120_000)

  it('a payer who ends the session on the chain stops the answer, and is charged no more', async () => {
    const before = await usdcOf(payer.address)
    const capAtomic = 3_000_000n
    const opened = await paying(`${running.url}/v1/sessions`, {
      method: 'POST',
      headers: { ...json, 'idempotency-key': crypto.randomUUID() },
      body: JSON.stringify({ capAtomic: capAtomic.toString() }),
    })
    const { session, token } = openedSessionSchema.parse(await opened.json())
    const openai = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: token, maxRetries: 0 })
    const answer = openai.chat.completions.create(question)
    const { requestId } = await entry.nextJob()
    entry.flow(requestId)
    entry.token(requestId, 0, 65)
    await follow(token, view => view.rateWei > 0n)
    const wallet = createWalletClient({ account: payer, chain: anvil, transport: http(terms.chain.rpcUrl) })
    const data = encodeFunctionData({ abi: streamVaultAbi, functionName: 'end', args: [session.id as Hex] })
    // Superfluid's callbacks need more than an estimate says (1/64 is held back at each call).
    await wallet.sendTransaction({ to: terms.vault as Hex, data, gas: 2_000_000n })
    // No tab says another word: the chain's does it.
    const { choices, computepool } = (await answer) as OpenAI.ChatCompletion & { computepool: { stoppedBy: string } }
    expect([choices[0]?.message.content, computepool.stoppedBy]).toEqual(['A', 'closed'])
    const closed = await follow(token, view => view.status === 'closed')
    expect(closed.spentAtomic + closed.refundableAtomic).toBe(capAtomic)
    expect(await usdcOf(payer.address)).toBe(before - closed.spentAtomic)
  }, 120_000)
})
