import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { isAlive } from '../chain/process-alive.ts'

it.skipIf(process.platform === 'win32')('ends with a parent that was killed', async () => {
  const script = fileURLToPath(new URL('./hold-anvil.ts', import.meta.url))
  const parent = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(parent.stdout, 'data')
  const pid = Number(line)
  expect(isAlive({ pid, startedTicks: null })).toBe(true)
  parent.kill('SIGKILL')
  while (isAlive({ pid, startedTicks: null })) await new Promise(resolve => setTimeout(resolve, 20))
})
