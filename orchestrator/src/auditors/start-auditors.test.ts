import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const server = createServer()
beforeEach(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterEach(() => server.close())

const secrets = Object.fromEntries(
  [
    ...['SETTLER', 'KEEPER', 'OWNER', 'ACCUSER', 'ZEROG', 'STORAGE', 'INFT', 'NODE'].map(
      whose => `COMPUTEPOOL_${whose}_KEY`,
    ),
    ...['COMPUTEPOOL_DATABASE_URL', 'HF_TOKEN', 'NODE_AUTH_TOKEN', 'WHATEVER_COMES_NEXT'],
  ].map(name => [name, 'ours']),
)

it('gets no secret of the process that started it, and ends with it, also where that is killed', async () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const tsx = ['--import', pathOf('../../../node_modules/tsx/dist/loader.mjs')]
  const parent = spawn(process.execPath, [...tsx, pathOf('../../testing/auditors-parent.ts')], {
    env: { ...process.env, ...secrets, IDLE_PROGRAM_URL: url, TMPDIR: tmpdir(), NODE_NO_WARNINGS: '1' },
    stdio: 'inherit',
  })
  const [child] = (await once(server, 'connection')) as [Socket]
  const [words] = (await once(child, 'data')) as [Buffer]
  const { environment, ...started } = JSON.parse(words.toString()) as { environment: string[] }
  const given = ['COMPUTEPOOL_AUDITOR_KEYS', 'COMPUTEPOOL_RPC_URL', 'KEEPERHUB_API_KEY']
  expect(environment).toEqual(expect.arrayContaining(['PATH', 'TMPDIR', 'NODE_NO_WARNINGS', ...given]))
  // Where they vote at their own cost, which they take from nobody else.
  const keeper = ['--keeper-url', `${url}/api/keeper`, '--registry', `0x${'c0'.repeat(20)}`]
  // What is another's.
  expect(environment.filter(name => name in secrets || /KEY|TOKEN|SECRET|PASSWORD/.test(name)).toSorted()).toEqual([
    'COMPUTEPOOL_AUDITOR_KEYS',
    'KEEPERHUB_API_KEY',
  ])
  expect(started).toMatchObject({
    args: ['auditor', '--url', url, '--data', '.', '--threads', '1', '--json', ...keeper],
    keys: 1,
  })
  child.on('error', () => {})
  const closed = once(child, 'close')
  parent.kill('SIGKILL')
  // A test that never ends is one whose auditors were left behind.
  await closed
}, 60_000)
