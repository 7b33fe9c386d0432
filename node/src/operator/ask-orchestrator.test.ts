import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { askOrchestrator } from './ask-orchestrator.ts'

it.each(['pong', '{"type":"greeting"}'])('a hub that says %s is refused as none', async words => {
  const packDir = fileURLToPath(new URL('../../../models/demo/pack', import.meta.url))
  const orchestrator = await startOrchestrator({ port: 0, packDir, pageFolder: null })
  const pool = await (await fetch(`${orchestrator.url}/api/pool`)).text()
  await orchestrator.close()
  // The right answer at /api/pool, and something else at /signal, as a proxy may make it.
  const server = createServer((_, response) => response.end(pool)).listen(0, '127.0.0.1')
  const hub = new WebSocketServer({ server })
  hub.on('connection', socket => socket.on('message', () => socket.send(words)))
  await once(server, 'listening')
  const asked = askOrchestrator(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await expect(asked).rejects.toMatchObject({ code: 'peer_message_invalid' })
  hub.close()
  server.closeAllConnections()
  server.close()
})

it('a hub that calls itself by another address is refused before anybody has to sign', async () => {
  const packDir = fileURLToPath(new URL('../../../models/demo/pack', import.meta.url))
  const publicUrl = 'https://pool.example'
  const orchestrator = await startOrchestrator({ port: 0, packDir, pageFolder: null, publicUrl })
  await expect(askOrchestrator(`http://127.0.0.1:${orchestrator.port}`)).rejects.toMatchObject({
    code: 'peer_unauthenticated',
  })
  await orchestrator.close()
})
