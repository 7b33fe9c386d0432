/** Where a provider's chain is asked. That it serves and is paid is shown elsewhere, on a real chain. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createSimulatedProvider } from '../attestation/simulated-provider.ts'
import { hostClock } from '../host.ts'
import { openZerog } from './open-zerog.ts'

let folder = ''
let server: Server
let rpcUrl = ''
const methods: string[] = []
/** What the node says that it is of; null: it says nothing of it. */
let chainId: number | null = null
const galileo = 16602
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-open-zerog-'))
  methods.length = 0
  chainId = null
  server = createServer(async (request, response) => {
    let text = ''
    for await (const part of request) text += part
    const { id, method } = JSON.parse(text)
    methods.push(method)
    const answer =
      method === 'eth_chainId' && chainId !== null
        ? { result: `0x${chainId.toString(16)}` }
        : { error: { code: -32601, message: 'nothing is served here' } }
    response.setHeader('connection', 'close').end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  rpcUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  await new Promise(resolve => server.close(resolve))
  await rm(folder, { recursive: true })
})

const open = (name = 'data') =>
  openZerog({
    settings: { chain: '0g-galileo', rpcUrl, serving: null, key: `0x${'7a'.repeat(32)}` },
    attestation: createSimulatedProvider(`0x${'5a'.repeat(32)}`),
    ...{ dataDir: join(folder, name), clock: hostClock, onNotice: () => {}, onFault: () => {} },
  })

it('asks 0G’s chain at the endpoint that was named, and at no other', async () => {
  chainId = galileo
  const zerog = await open()
  try {
    await expect(zerog.desk.status()).rejects.toMatchObject({ code: 'chain_unreachable' })
    expect(methods).toContain('eth_call')
  } finally {
    await zerog.close()
  }
})

it('opens at no endpoint of another chain, and leaves no lock behind', async () => {
  chainId = 1
  await expect(open()).rejects.toMatchObject({
    code: 'chain_wrong',
    message: "The endpoint is chain 1's; 0G Galileo testnet is 16602.",
  })
  chainId = galileo
  await (await open()).close()
})

it('asks nothing of an endpoint that came up later, and is of another chain', async () => {
  const zerog = await open()
  try {
    chainId = 1
    await expect(zerog.desk.status()).rejects.toMatchObject({ code: 'chain_wrong' })
    expect(new Set(methods)).toEqual(new Set(['eth_chainId']))
  } finally {
    await zerog.close()
  }
})

it('lets two send from one key in no two folders either, until the first is closed', async () => {
  const first = await open()
  await expect(open()).rejects.toMatchObject({ code: 'chain_ledger_locked', message: expect.stringContaining('fees') })
  await expect(open('other')).rejects.toMatchObject({
    code: 'chain_ledger_locked',
    message: expect.stringContaining('another data folder'),
  })
  await first.close()
  for (const name of ['other', 'data']) await (await open(name)).close()
})
