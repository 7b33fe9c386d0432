import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { expect, it } from 'vitest'
import { isServing, type NodeProcess, spawnNode } from '../testing/node-process.ts'

const demoPack = fileURLToPath(new URL('../../models/demo/pack', import.meta.url))

it('auditors join with a wallet each, hold no seat, and compute again what the seats of a pool did', async () => {
  const root = await mkdtemp(join(tmpdir(), 'auditor-'))
  const orchestrator = await startOrchestrator({ port: 0, packDir: demoPack, pageFolder: null, minSeats: 2 })
  const { url, model } = orchestrator
  const own = (name: string) => ['--engine', 'cpu', '--threads', '1', '--memory', '1GB', '--data', join(root, name)]
  const auditor = spawnNode({ command: 'auditor', args: ['--url', url, '--count', '2', ...own('auditor')] })
  const nodes: NodeProcess[] = []
  try {
    const { address } = await auditor.until(({ type }) => type === 'node-started')
    expect(String(address)).toMatch(/^0x[0-9a-f]{40}, 0x[0-9a-f]{40}$/)
    await auditor.until(({ type, status }) => type === 'status-changed' && status === 'waiting-for-slice')
    nodes.push(...['one', 'two'].map(name => spawnNode({ args: [url, ...own(name)] })))
    await Promise.all(nodes.map(node => node.until(isServing)))
    const messages = [{ role: 'user', content: 'How do I join?' }]
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages, temperature: 0.7, seed: 3, max_tokens: 20 }),
    })
    expect((await answer.json()).computepool.route).toHaveLength(2)
    // Newcomers are checked on every attempt.
    await expect.poll(checks, { timeout: 60_000 }).toMatchObject({ drawn: 2, agreed: 2, differs: 0, withheld: 0 })
    for (const each of [...nodes, auditor]) each.signal('SIGTERM')
    expect(await Promise.all([...nodes, auditor].map(each => each.ended))).toEqual([0, 0, 0])
    expect(auditor.stderr()).toBe('')
  } finally {
    for (const each of [...nodes, auditor]) each.signal('SIGKILL')
    await Promise.all([...nodes, auditor].map(each => each.ended))
    await orchestrator.close()
    await rm(root, { recursive: true, force: true })
  }

  async function checks(): Promise<unknown> {
    return (await (await fetch(`${url}/api/pool`)).json()).checks
  }
})
