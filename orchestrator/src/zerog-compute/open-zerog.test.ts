/** Where a provider's chain is asked. That it serves and is paid is shown elsewhere, on a real chain. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createSimulatedProvider } from '../attestation/simulated-provider.ts'
import { hostClock } from '../host.ts'
import { openZerog } from './open-zerog.ts'

it('asks 0G’s chain at the endpoint that was named, and at no other', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'computepool-open-zerog-'))
  const methods: string[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const part of request) text += part
    const { id, method } = JSON.parse(text)
    methods.push(method)
    const error = { code: -32601, message: 'nothing is served here' }
    response.setHeader('connection', 'close').end(JSON.stringify({ jsonrpc: '2.0', id, error }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const rpcUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const zerog = await openZerog({
    settings: { chain: '0g-galileo', rpcUrl, serving: null, key: `0x${'7a'.repeat(32)}` },
    ...{ attestation: createSimulatedProvider(`0x${'5a'.repeat(32)}`), dataDir: folder, clock: hostClock },
    ...{ onNotice: () => {}, onFault: () => {} },
  })
  try {
    await expect(zerog.desk.status()).rejects.toMatchObject({ code: 'chain_unreachable' })
    expect(methods).toContain('eth_call')
  } finally {
    await zerog.close()
    await new Promise(resolve => server.close(resolve))
    await rm(folder, { recursive: true })
  }
})
