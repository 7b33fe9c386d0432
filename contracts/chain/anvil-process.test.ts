import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startAnvil, stopAnvil } from './anvil-process.ts'

it.skipIf(process.platform !== 'linux')('does not stop a stranger who has the pid by now', async () => {
  const stranger = spawn(process.execPath, ['-e', 'process.stdin.pipe(process.stdout)'])
  await once(stranger, 'spawn')
  const ended = once(stranger, 'exit').then(() => 'ended')
  await stopAnvil(tmpdir(), { pid: stranger.pid!, startedTicks: '1', port: 1 })
  const answered = once(stranger.stdout, 'data').then(([data]) => String(data))
  answered.catch(() => {})
  stranger.stdin.on('error', () => {})
  stranger.stdin.write('still here')
  expect(await Promise.race([answered, ended])).toBe('still here')
  stranger.stdin.end()
  await ended
})

it('waits for the port of before where somebody else has it for a moment', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'port-'))
  const passerBy = createServer().listen(0, '127.0.0.1')
  await once(passerBy, 'listening')
  const { port } = passerBy.address() as AddressInfo
  const options = { dir, chainId: 31337, blockTimeSeconds: 1, stateIntervalSeconds: 60 }
  const starting = startAnvil({ ...options, preferredPort: port, isPortFixed: true })
  starting.catch(() => {})
  // It is seen to be taken by then: looking takes a turn or two.
  for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve))
  passerBy.close()
  const record = await starting
  expect(record.port).toBe(port)
  await stopAnvil(dir, record)
  await rm(dir, { recursive: true })
})
