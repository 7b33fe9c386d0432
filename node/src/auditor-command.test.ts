import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { expect, it } from 'vitest'
import { spawnNode } from '../testing/node-process.ts'

const demoPack = fileURLToPath(new URL('../../models/demo/pack', import.meta.url))

it('auditors join with a wallet each, hold no seat though one is free, and leave when they are told to', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'auditor-'))
  const orchestrator = await startOrchestrator({ port: 0, packDir: demoPack, pageFolder: null, minSeats: 1 })
  const args = ['--url', orchestrator.url, '--count', '2', '--data', dataDir, '--engine', 'cpu', '--threads', '1']
  const auditor = spawnNode({ command: 'auditor', args: [...args, '--memory', '1GB'] })
  try {
    const { address } = await auditor.until(({ type }) => type === 'node-started')
    expect(String(address)).toMatch(/^0x[0-9a-f]{40}, 0x[0-9a-f]{40}$/)
    await auditor.until(({ type, status }) => type === 'status-changed' && status === 'waiting-for-slice')
    const pool = await (await fetch(`${orchestrator.url}/api/pool`)).json()
    expect(pool.rings ?? []).toEqual([])
    auditor.signal('SIGTERM')
    expect(await auditor.ended).toBe(0)
    expect(auditor.stderr()).toBe('')
  } finally {
    auditor.signal('SIGKILL')
    await auditor.ended
    await orchestrator.close()
    await rm(dataDir, { recursive: true, force: true })
  }
})
