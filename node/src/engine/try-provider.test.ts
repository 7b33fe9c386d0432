import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { NativeProvider } from './native-runtime.ts'
import { trialArguments, tryProvider } from './try-provider.ts'

it('runs a graph on the processor, and says in plain words what does not run', async () => {
  expect(await tryProvider('cpu')).toMatchObject({ provider: 'cpu', runs: true })
  const unknown = await tryProvider('abacus' as NativeProvider)
  expect(unknown).toMatchObject({ runs: false, reason: expect.stringContaining('abacus') })
})

it('names its loader by a URL, as Windows needs it', () => {
  const [option, loader] = trialArguments('cpu')
  expect([option, new URL(loader!).protocol]).toEqual(['--import', 'file:'])
})

it('kills a trial that hangs and hears no SIGTERM', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'trial-'))
  const script = join(folder, 'hang.mjs')
  await writeFile(script, "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)")
  const trial = await tryProvider('cuda', { deadlineMs: 1500, script })
  expect(trial).toMatchObject({ runs: false, reason: expect.stringContaining('SIGKILL') })
  await rm(folder, { recursive: true })
})
