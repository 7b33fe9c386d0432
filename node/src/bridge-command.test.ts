import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RunningOrchestrator, startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AxlStandIn, type AxlStandInOptions, startAxlStandIn } from '../testing/axl-stand-in.ts'
import { isServing, type NodeProcess, type NodeProcessOptions, spawnNode } from '../testing/node-process.ts'

const packDir = fileURLToPath(new URL('../../models/demo/pack', import.meta.url))
let root: string
let overlay: AxlStandIn
let orchestrator: RunningOrchestrator | null = null
const processes: NodeProcess[] = []

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'bridge-'))
})
afterEach(async () => {
  for (const running of processes) running.signal('SIGKILL')
  await Promise.all(processes.splice(0).map(running => running.ended))
  await orchestrator?.close()
  orchestrator = null
  await overlay?.close()
  await rm(root, { recursive: true, force: true })
})

async function open(minSeats: number, axl: AxlStandInOptions = {}): Promise<RunningOrchestrator> {
  overlay = startAxlStandIn(axl)
  orchestrator = await startOrchestrator({ port: 0, packDir, pageFolder: null, minSeats })
  return orchestrator
}

async function spawn(command: NonNullable<NodeProcessOptions['command']>, ...args: string[]): Promise<NodeProcess> {
  const dataDir = await mkdtemp(join(root, 'data-'))
  const sizes = command === 'node' ? ['--engine', 'cpu', '--threads', '1', '--memory', '1GB'] : []
  const running = spawnNode({ command, args: [orchestrator!.url, ...sizes, '--data', dataDir, ...args] })
  processes.push(running)
  return running
}

async function ask(at: RunningOrchestrator) {
  const messages = [{ role: 'user', content: 'How do I join?' }]
  const response = await fetch(`${at.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: at.model, messages, temperature: 0, max_tokens: 40 }),
  })
  const answer = await response.json()
  expect(response.status, JSON.stringify(answer)).toBe(200)
  return { text: answer.choices[0].message.content as string, directHops: answer.computepool.directHops as number }
}

let said: string | null = null

/** What one node says alone; asked once. */
async function askOne(): Promise<string> {
  if (said !== null) return said
  const alone = await open(1)
  await (await spawn('node')).until(isServing)
  const { text } = await ask(alone)
  for (const running of processes) running.signal('SIGKILL')
  await Promise.all(processes.splice(0).map(running => running.ended))
  await alone.close()
  await overlay.close()
  expect(text.length).toBeGreaterThan(20)
  said = text
  return text
}

const isRelaying = (event: Readonly<Record<string, unknown>>): boolean =>
  event.type === 'status-changed' && event.status === 'relaying'

describe('computepool bridge', () => {
  it.each<[string, AxlStandInOptions]>([
    ['as it is', {}],
    ['that loses one in twenty, reorders, and is 40 ms away', { seed: 3, lossRate: 0.05, delayMs: 40, jitterMs: 20 }],
  ])(
    'joins a node with WebRTC and a node behind AXL, over a network %s: the same text as one alone',
    async (_, axl) => {
      const alone = await askOne()
      const pool = await open(2, axl)
      const [behind, own] = [await overlay.startDaemon(), await overlay.startDaemon()]
      const bridge = await spawn('bridge', '--axl', own.url)
      const started = await bridge.until(({ type }) => type === 'bridge-started')
      expect(started.axl).toMatchObject({ key: own.key, peers: 1 })
      const nodes = [await spawn('node'), await spawn('node', '--axl', behind.url)]
      await Promise.all(nodes.map(node => node.until(isServing)))
      const answer = await ask(pool)
      expect(answer.text).toBe(alone)
      expect(answer.directHops).toBeGreaterThan(0)
      // Every token went through the one queue there is.
      expect(behind.counts.handedOut).toBeGreaterThan(20)
      expect(own.counts.handedOut).toBeGreaterThan(20)
      bridge.signal('SIGTERM')
      expect(await bridge.ended).toBe(0)
      expect(bridge.events.some(isRelaying)).toBe(true)
      expect(bridge.events.at(-1)).toEqual({ type: 'bridge-left' })
      expect(bridge.events.some(({ type }) => type === 'notice')).toBe(false)
      expect(bridge.stderr()).toBe('')
    },
  )

  it('joins two nodes behind AXL alone, with no bridge at all', async () => {
    const alone = await askOne()
    const pool = await open(2)
    const [a, b] = [await overlay.startDaemon(), await overlay.startDaemon()]
    const nodes = [await spawn('node', '--axl', a.url), await spawn('node', '--axl', b.url)]
    await Promise.all(nodes.map(node => node.until(isServing)))
    expect((await ask(pool)).text).toBe(alone)
    expect(a.counts.handedOut).toBeGreaterThan(20)
  })

  it('says in words that no daemon is there, and ends', async () => {
    await open(1)
    const bridge = await spawn('bridge', '--axl', 'http://127.0.0.1:1')
    expect(await bridge.ended).toBe(1)
    expect(JSON.parse(bridge.stderr())).toMatchObject({
      code: 'peer_unreachable',
      context: { url: 'http://127.0.0.1:1' },
    })
  })
})
