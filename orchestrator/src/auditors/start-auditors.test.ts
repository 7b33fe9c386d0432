import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const server = createServer()
beforeEach(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterEach(() => server.close())

it('ends with the process that started it, also where that is killed', async () => {
  const { port } = server.address() as AddressInfo
  const tsx = ['--import', pathOf('../../../node_modules/tsx/dist/loader.mjs')]
  const parent = spawn(process.execPath, [...tsx, pathOf('../../testing/auditors-parent.ts')], {
    env: { ...process.env, IDLE_PROGRAM_PORT: String(port) },
    stdio: 'inherit',
  })
  const [child] = (await once(server, 'connection')) as [Socket]
  const [words] = (await once(child, 'data')) as [Buffer]
  expect(JSON.parse(words.toString())).toMatchObject({
    args: ['auditor', '--url', 'http://127.0.0.1:1', '--data', '.', '--threads', '1', '--json'],
    keys: 1,
  })
  child.on('error', () => {})
  const closed = once(child, 'close')
  parent.kill('SIGKILL')
  // A test that never ends is one whose auditors were left behind.
  await closed
}, 60_000)
