/** The port's promises, kept by the embedded runner, and by the REST client in front of its routes over a real socket. */
import { createGate, createSeededRandom, type KeeperContractHarness, keeperContract } from '@computepool/shared/testing'
import { serve } from '@hono/node-server'
import { sql } from 'drizzle-orm'
import { Hono } from 'hono'
import type { PublicClient } from 'viem'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { createPretendSender, httpWorkflow, writeWorkflow } from '../../testing/keeper-workflows.ts'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { hostClock } from '../host.ts'
import type { OpenDatabase } from '../store/database.ts'
import { createEmbeddedKeeper, type EmbeddedKeeper } from './embedded-keeper.ts'
import { keeperRoutes } from './keeper-routes.ts'
import { createKeeperHubClient } from './keeperhub-client.ts'

let database: OpenDatabase
beforeAll(async () => {
  database = await openMemoryLedger()
})
afterAll(() => database.close())

type Harness = Omit<KeeperContractHarness, 'keeper'> & { readonly keeper: EmbeddedKeeper }

async function openEmbedded(withWorkflows: boolean): Promise<Harness> {
  await database.db.execute(sql`TRUNCATE keeper_workflows, keeper_runs, keeper_keys, keeper_steps, keeper_transactions`)
  const counts = new Map<string, number>()
  const gate = createGate()
  const at = { waits: createGate(), sends: createGate() }
  const sender = createPretendSender(() => at.sends.open())
  const fetch = async (address: URL | RequestInfo, init?: RequestInit): Promise<Response> => {
    const name = new URL(String(address)).hostname.split('.')[0] ?? ''
    counts.set(name, (counts.get(name) ?? 0) + 1)
    if (name === 'fails') return new Response('no', { status: 500 })
    if (name === 'waits') {
      at.waits.open()
      await Promise.race([gate.opened, new Promise((_, reject) => init?.signal?.addEventListener('abort', reject))])
    }
    // It even echoes the secret that it was sent.
    return Response.json({ echo: String(init?.body) })
  }
  const keeper = createEmbeddedKeeper({
    db: database.db,
    sender,
    publicClient: { getChainId: async () => 31337 } as unknown as PublicClient,
    clock: hostClock,
    entropy: createSeededRandom(1),
    fetch: fetch as typeof globalThis.fetch,
    workflows: withWorkflows ? workflows : [],
    pollMs: 5,
  })
  await keeper.start()
  return {
    keeper,
    input: { callback_token: 'secret-token' },
    begun: name => (name === 'sends' ? sender.submitted : (counts.get(name) ?? 0)),
    reached: name => at[name].opened,
    release: () => {
      gate.open()
      sender.mine()
    },
    async close() {
      await keeper.close()
    },
  }
}

const workflows = [httpWorkflow('works'), httpWorkflow('fails'), httpWorkflow('waits'), writeWorkflow('sends')]

describe('the embedded keeper', () => {
  for (const { name, run } of keeperContract) {
    it(name, async () => {
      const harness = await openEmbedded(true)
      await run(harness).finally(harness.close)
    })
  }
})

describe('the REST client in front of the embedded keeper', () => {
  for (const { name, run } of keeperContract) {
    it(name, async () => {
      const embedded = await openEmbedded(false)
      const app = new Hono().route('/api/keeper', keeperRoutes([{ keeper: embedded.keeper, apiKey: 'owner-key' }]))
      const server = await new Promise<ReturnType<typeof serve>>(resolve => {
        const listening = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(listening))
      })
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      const keeper = createKeeperHubClient({
        baseUrl: `http://127.0.0.1:${port}/api/keeper`,
        apiKey: 'owner-key',
        fetch: globalThis.fetch,
        clock: hostClock,
      })
      try {
        await keeper.install(workflows)
        await run({ ...embedded, keeper })
      } finally {
        await embedded.close()
        const closed = new Promise(resolve => server.close(resolve))
        if ('closeAllConnections' in server) server.closeAllConnections()
        await closed
      }
    })
  }
})
