/**
 * `--keeper-url`: workflows run in another house, which is reached by KeeperHub's REST alone. The house is our own
 * runner on a port of its own, with a database of its own.
 */
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedChain } from '@computepool/contracts/chain'
import {
  activityRunSchema,
  activityRunsSchema,
  openedSessionSchema,
  receiptSchema,
  sessionViewSchema,
} from '@computepool/shared/money'
import { createAdaptorServer } from '@hono/node-server'
import { ExactEvmScheme } from '@x402/evm/exact/client'
import { wrapFetchWithPayment, x402Client } from '@x402/fetch'
import { Hono } from 'hono'
import { createPublicClient, type Hex, http, type PublicClient } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { FakeTab } from '../../testing/fake-tab.ts'
import { openSocketRing } from '../../testing/open-socket-ring.ts'
import { dataOf, readSse } from '../../testing/read-sse.ts'
import { tinyModel as model, writeTinyPack } from '../../testing/tiny-pack.ts'
import { createSignerQueue, type SignerQueue } from '../chain/signer-queue.ts'
import { createSignerStore } from '../chain/signer-store.ts'
import { createVaultReader } from '../chain/vault-reader.ts'
import { hostClock, hostEntropy } from '../host.ts'
import { createEmbeddedKeeper, type EmbeddedKeeper, keeperRoutes } from '../keeper/index.ts'
import { type RunningOrchestrator, startOrchestrator } from '../serve.ts'
import { type OpenDatabase, openDatabase } from '../store/database.ts'

const apiKey = 'kh_key-of-the-tests'
const payer = privateKeyToAccount(generatePrivateKey())
const paying = wrapFetchWithPayment(
  fetch,
  x402Client.fromConfig({
    schemes: [{ network: 'eip155:*', client: new ExactEvmScheme(payer) }],
    spendControls: false,
  }),
)
const json = { 'content-type': 'application/json' }

interface House {
  readonly keeper: EmbeddedKeeper
  readonly queue: SignerQueue
  readonly database: OpenDatabase
  readonly client: PublicClient
}

let folder = ''
let running: RunningOrchestrator
let server: Server
let house: Promise<House> | null = null
let entry: FakeTab
/** Statuses of the orchestrator's answers to callbacks. */
const callbacks: number[] = []

/** What KeeperHub has: an account at the chain, and the way there. Both are made by the orchestrator's first start. */
async function openHouse(): Promise<House> {
  const read = async (path: string) => JSON.parse(await readFile(join(folder, 'data', path), 'utf8'))
  const { keeper: key } = (await read('keys.json')) as { keeper: Hex }
  const { port } = (await read('chain/anvil.json')) as { port: number }
  const chain = embeddedChain(`http://127.0.0.1:${port}`)
  const client = createPublicClient({ chain, transport: http(), pollingInterval: 100, cacheTime: 0 }) as PublicClient
  const database = await openDatabase({ memory: true })
  const { db } = database
  const account = privateKeyToAccount(key)
  const store = createSignerStore(db)
  const queue = createSignerQueue({ client, account, chainId: chain.id, store, clock: hostClock, pollMs: 100 })
  const keeper = createEmbeddedKeeper({
    db,
    sender: queue,
    publicClient: client,
    clock: hostClock,
    entropy: hostEntropy,
    isAllowed: () => true,
    fetch: async (address, init) => {
      const response = await fetch(address, init)
      if (String(address) === `${running.url}/api/webhooks/keeperhub`) callbacks.push(response.status)
      return response
    },
  })
  await keeper.start()
  return { keeper, queue, database, client }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-keeper-url-'))
  const app = new Hono().all('/api/*', async c => {
    house ??= openHouse()
    const routes = new Hono().route('/api', keeperRoutes([{ keeper: (await house).keeper, apiKey }]))
    return routes.fetch(c.req.raw)
  })
  server = createAdaptorServer({ fetch: app.fetch }) as Server
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const packDir = join(folder, 'pack')
  await writeTinyPack(packDir)
  running = await startOrchestrator({
    port: 0,
    packDir,
    pageFolder: null,
    money: {
      mode: 'paid',
      chain: { kind: 'embedded' },
      dataDir: join(folder, 'data'),
      pricePerSecondAtomic: 100_000n,
      keeperHub: { url: `http://127.0.0.1:${port}/api`, apiKey },
    },
  })
  await running.money!.ready
  entry = (await openSocketRing(running, model)).entry
  const gift = { method: 'POST', headers: json, body: JSON.stringify({ address: payer.address }) }
  expect((await fetch(`${running.url}/api/faucet`, gift)).status).toBe(200)
}, 300_000)
afterAll(async () => {
  await running?.close()
  const open = await house
  await open?.keeper.close()
  await open?.queue.close()
  await open?.database.close()
  server?.close()
  server?.closeAllConnections()
  await rm(folder, { recursive: true })
}, 60_000)

it('streams, stops and closes through a keeper in another house, and adds up', async () => {
  const capAtomic = 2_000_000n
  const opened = await paying(`${running.url}/v1/sessions`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ capAtomic: capAtomic.toString() }),
  })
  const { token, session } = openedSessionSchema.parse(await opened.json())
  const headers = { authorization: `Bearer ${token}` }
  const stream = await fetch(`${running.url}/v1/sessions/current/events`, { headers })
  const events = readSse(stream)
  const until = async (isSo: (view: ReturnType<typeof sessionViewSchema.parse>) => boolean) => {
    for (;;) {
      const event = await events.next()
      if (event === null) throw new Error('The session was over before it came to that.')
      const view = sessionViewSchema.parse(dataOf(event))
      if (isSo(view)) return view
    }
  }
  const messages = [{ role: 'user', content: 'Hi' }]
  const body = JSON.stringify({ model, messages })
  const answer = fetch(`${running.url}/v1/chat/completions`, { method: 'POST', headers: { ...json, ...headers }, body })
  const { requestId } = await entry.nextJob()
  entry.flow(requestId)
  entry.token(requestId, 0, 65)
  expect(await until(view => view.rateWei > 0n)).toMatchObject({ status: 'streaming', rateWei: 100_000n * 10n ** 12n })
  entry.finish(requestId, 'stop', 4)
  expect((await answer).status).toBe(200)
  expect(await until(view => view.rateWei === 0n && view.status === 'open')).toMatchObject({ runningRequests: 0 })
  const closing = await fetch(`${running.url}/v1/sessions/current`, { method: 'DELETE', headers })
  expect(closing.status).toBe(202)
  await until(view => view.status === 'closed')

  const receipt = receiptSchema.parse(
    await (await fetch(`${running.url}/v1/sessions/current/receipt`, { headers })).json(),
  )
  expect(receipt.paidAtomic).toBeGreaterThan(0n)
  expect(receipt.paidAtomic + receipt.refundedAtomic).toBe(capAtomic)
  expect(receipt.requests.map(({ costAtomic }) => costAtomic)).toEqual([receipt.paidAtomic])
  const { client, keeper } = (await house)!
  const { target } = await running.money!.ready
  const seen = await createVaultReader(client, target.vault).session(session.id)
  expect(seen).toMatchObject({ state: 'closed', dueAtomic: receipt.paidAtomic, refundedAtomic: receipt.refundedAtomic })
  // A callback is a run's last step but one: the money may be there before the run is over.
  for (const { run } of await keeper.runs(null, 100)) await keeper.wait(run.id, 20_000)
  // Nobody is asked to call a machine of one's own, which KeeperHub would refuse: the status told all of this.
  expect(callbacks).toEqual([])

  const owner = { headers: { authorization: `Bearer ${running.money!.desk.ownerToken}` } }
  const listed = await (await fetch(`${running.url}/api/activity/runs`, owner)).json()
  const { runs } = activityRunsSchema.parse(listed)
  expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['success']))
  expect(new Set(runs.map(({ workflow }) => workflow))).toEqual(new Set(['set-units', 'stream-start', 'stream-stop']))
  const close = runs.find(({ sessionId }) => sessionId === session.id)!
  expect(close.transactionHashes).toEqual([receipt.transactions.find(({ kind }) => kind === 'close')!.hash])
  const told = await (await fetch(`${running.url}/api/activity/runs/${close.executionId}`, owner)).json()
  const { run, logs } = activityRunSchema.parse(told)
  expect(run).toEqual(close)
  expect(logs.length).toBeGreaterThan(0)
  expect((await fetch(`${running.url}/api/activity/runs/exec_of-somebody-else`, owner)).status).toBe(404)
  expect((await fetch(`${running.url}/api/keeper/workflows`, owner)).status).toBe(404)
}, 120_000)
