import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { expect, it } from 'vitest'
import { stopAnvil } from './anvil-process.ts'

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
