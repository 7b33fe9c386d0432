/** Several organisations behind one door: a key opens its own, and of the others it can see, start, change and cancel nothing. */
import { ComputePoolError } from '@computepool/shared/errors'
import { createSeededRandom } from '@computepool/shared/testing'
import type { PublicClient } from 'viem'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createPretendSender, type PretendSender, writeWorkflow } from '../../testing/keeper-workflows.ts'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { hostClock } from '../host.ts'
import type { OpenDatabase } from '../store/database.ts'
import { createEmbeddedKeeper, type EmbeddedKeeper } from './embedded-keeper.ts'
import { keeperRoutes } from './keeper-routes.ts'

const vote = writeWorkflow('vote')
const names = ['pool', 'auditor a', 'auditor b'] as const

let database: OpenDatabase
beforeAll(async () => {
  database = await openMemoryLedger()
})
afterAll(() => database.close())

const noChain = new ComputePoolError('chain_unreachable', 'There is no chain yet.')
let processes = 0
const open: EmbeddedKeeper[] = []
afterEach(async () => {
  for (const keeper of open.splice(0)) await keeper.close()
})

interface House {
  readonly senders: readonly PretendSender[]
  readonly keepers: readonly EmbeddedKeeper[]
  ask(at: number, method: string, path: string, body?: object): Promise<Response>
}

/** What one process holds of them. Without a chain their runs begin, and wait. */
async function openHouse(hasChain: boolean): Promise<House> {
  const senders = names.map(() => createPretendSender())
  for (const sender of senders) sender.mine()
  const keepers = names.map((organisation, at) =>
    createEmbeddedKeeper({
      db: database.db,
      organisation,
      sender: senders[at]!,
      publicClient: {
        getChainId: () => (hasChain ? Promise.resolve(31337) : Promise.reject(noChain)),
      } as unknown as PublicClient,
      clock: hostClock,
      entropy: createSeededRandom(++processes),
      pollMs: 5,
    }),
  )
  open.push(...keepers)
  for (const keeper of keepers) await keeper.start()
  const routes = keeperRoutes(
    keepers.map((keeper, at) => ({ keeper, apiKey: `key of ${names[at]}`.replaceAll(' ', '-') })),
  )
  return {
    senders,
    keepers,
    ask: async (at, method, path, body) =>
      routes.request(path, {
        method,
        headers: { authorization: `Bearer key-of-${names[at]!.replace(' ', '-')}`, 'idempotency-key': 'one-key' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
  }
}

it('keeps them apart, by name, by run and by wallet, also over a restart', async () => {
  const before = await openHouse(false)
  const ids: string[] = []
  const runs: string[] = []
  for (const at of names.keys()) {
    const imported = (await (await before.ask(at, 'POST', '/workflows/import', vote.definition)).json()) as {
      id: string
    }
    ids.push(imported.id)
    // The same key and the same name: each has a run of its own.
    const begun = await before.ask(at, 'POST', `/workflows/${imported.id}/execute`, { input: {} })
    runs.push(((await begun.json()) as { executionId: string }).executionId)
  }
  expect(new Set(ids).size).toBe(3)
  expect(new Set(runs).size).toBe(3)

  for (const [at, id] of ids.entries()) {
    const [run, other] = [runs[at]!, (at + 1) % 3]
    const listed = (await (await before.ask(at, 'GET', '/workflows')).json()) as { id: string }[]
    expect(listed.map(workflow => workflow.id)).toEqual([id])
    expect((await before.ask(at, 'GET', `/workflows/executions/${run}/status`)).status).toBe(200)
    for (const [method, path, body] of [
      ['GET', `/workflows/${id}`],
      ['GET', `/workflows/${id}/download`],
      ['GET', `/workflows/${id}/executions`],
      ['PATCH', `/workflows/${id}`, { name: 'stolen' }],
      ['POST', `/workflows/${id}/execute`, { input: {} }],
      ['POST', `/workflow/${id}/execute`, { input: {} }],
      ['GET', `/workflows/executions/${run}/status`],
      ['GET', `/workflows/executions/${run}/wait?timeoutMs=0`],
      ['GET', `/workflows/executions/${run}/logs`],
      ['POST', `/executions/${run}/cancel`],
    ] as const) {
      expect((await before.ask(other, method, path, body)).status, `${method} ${path}`).toBe(404)
    }
  }
  for (const keeper of open.splice(0)) await keeper.close()

  const after = await openHouse(true)
  for (const [at, run] of runs.entries()) {
    expect(await after.keepers[at]!.wait(run, 20_000)).toMatchObject({ status: 'success' })
    expect((await after.keepers[at]!.runs(null, 9)).map(detail => detail.run.id)).toEqual([run])
  }
  for (const at of names.keys()) {
    expect([before.senders[at]!.submitted, after.senders[at]!.submitted], names[at]).toEqual([0, 1])
  }
})
