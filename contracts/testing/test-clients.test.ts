/** What makes a test's transaction fail by the clock alone: an estimate for one second, mined in the next. */
import { parseEther } from 'viem'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { embeddedChain } from '../chain/known-chains.ts'
import { addTestServing } from './add-test-serving.ts'
import { type SpawnedAnvil, spawnAnvil } from './spawn-anvil.ts'
import { testAccount } from './test-accounts.ts'
import { clientsFor, type TestClients } from './test-clients.ts'

let anvil: SpawnedAnvil
let clients: TestClients
beforeAll(async () => {
  anvil = await spawnAnvil()
  clients = clientsFor(embeddedChain(anvil.url), anvil.url)
}, 240_000)
afterAll(() => anvil?.close())

it('sends what was estimated in the second that its contract has noted, and is mined in the next', async () => {
  const { testClient } = clients
  const bench = await addTestServing(clients)
  const provider = testAccount('0G provider')
  const terms = {
    ...{ serviceType: 'chatbot', url: 'https://a.example', model: 'tiny', verifiability: 'none' },
    ...{ inputPrice: 1n, outputPrice: 2n, additionalInfo: '{}', teeSignerAddress: provider.address },
  }
  await bench.send(provider, 'addOrUpdateService', [terms], parseEther('100'))
  const { updatedAt: before } = await bench.serviceOf(provider.address)
  // Until it is mined, each block would be of the second of the one before.
  await testClient.setBlockTimestampInterval({ interval: 0 })
  await testClient.setAutomine(false)
  const sent = bench.send(provider, 'addOrUpdateService', [terms])
  await vi.waitUntil(async () => (await testClient.getTxpoolStatus()).pending > 0, { timeout: 30_000 })
  await testClient.setNextBlockTimestamp({ timestamp: before + 1n })
  await testClient.mine({ blocks: 1 })
  await sent
  const { updatedAt } = await bench.serviceOf(provider.address)
  expect(updatedAt).toBe(before + 1n)
}, 60_000)
