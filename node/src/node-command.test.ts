import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RunningOrchestrator, startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { writeTinyPack } from '../../orchestrator/testing/tiny-pack.ts'
import { startAxlStandIn } from '../testing/axl-stand-in.ts'
import { isServing, type NodeProcess, spawnNode } from '../testing/node-process.ts'

const demoPack = fileURLToPath(new URL('../../models/demo/pack', import.meta.url))
let root: string
let longPack: string
const running: { orchestrator: RunningOrchestrator | null; nodes: NodeProcess[] } = { orchestrator: null, nodes: [] }

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'nodes-'))
  longPack = join(root, 'pack')
  await writeTinyPack(longPack, 1024)
})
afterEach(async () => {
  for (const node of running.nodes) node.signal('SIGKILL')
  await Promise.all(running.nodes.splice(0).map(node => node.ended))
  await running.orchestrator?.close()
  running.orchestrator = null
})
afterAll(() => rm(root, { recursive: true, force: true }))

/** `reach` gives the options of each node's networks. */
async function openPool(nodes: number, packDir: string, reach: readonly (readonly string[])[] = []) {
  const orchestrator = await startOrchestrator({ port: 0, packDir, pageFolder: null, minSeats: nodes })
  running.orchestrator = orchestrator
  const args = [orchestrator.url, '--engine', 'cpu', '--threads', '1', '--memory', '1GB']
  for (let index = 0; index < nodes; index += 1) {
    const dataDir = await mkdtemp(join(root, 'node-'))
    running.nodes.push(spawnNode({ args: [...args, '--data', dataDir, ...(reach[index] ?? [])] }))
  }
  await Promise.all(running.nodes.map(node => node.until(isServing)))
  return { orchestrator, nodes: running.nodes }
}

/** The first figures after its links came up. */
const servedWhenLinked = ({ type, links }: Readonly<Record<string, unknown>>): boolean =>
  type === 'served' && (links as { isOpen: boolean }[]).every(({ isOpen }) => isOpen)

function ask({ url, model }: RunningOrchestrator, maxTokens: number, stream: boolean): Promise<Response> {
  const messages = [{ role: 'user', content: 'How do I join?' }]
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages, temperature: 0, max_tokens: maxTokens, stream }),
  })
}

/** What one node answers. */
let alone = ''

describe('one, two and three nodes', () => {
  it.each([1, 2, 3])('%i: the same greedy text, by direct hops alone', async count => {
    const { orchestrator, nodes } = await openPool(count, demoPack)
    const response = await ask(orchestrator, 40, false)
    const answer = await response.json()
    expect(response.status).toBe(200)
    const text = answer.choices[0].message.content
    if (count === 1) alone = text
    expect(text).toBe(alone)
    expect(text.length).toBeGreaterThan(20)
    expect(answer.computepool.route).toHaveLength(count)
    // At the entry: each lap's activations leave by a link, and its tokens come back by one. Alone there is none.
    const { directHops } = answer.computepool
    expect(directHops % 2).toBe(0)
    expect(directHops).toBeLessThanOrEqual(answer.usage.completion_tokens * 2)
    expect(directHops > 0).toBe(count > 1)
    if (count > 1) {
      const served = await nodes[0]!.until(servedWhenLinked)
      expect(served.links).toMatchObject(Array(count - 1).fill({ kind: 'webrtc', isOpen: true }))
    }
    for (const node of nodes) node.signal('SIGTERM')
    expect(await Promise.all(nodes.map(node => node.ended))).toEqual(Array(count).fill(0))
    expect(nodes.map(node => node.stderr())).toEqual(Array(count).fill(''))
  })
})

describe('behind AXL daemons (stand-ins)', () => {
  it('two nodes answer with the same text, by nothing but AXL', async () => {
    const axl = startAxlStandIn()
    try {
      const daemons = [await axl.startDaemon(), await axl.startDaemon()]
      const reach = daemons.map(({ url }) => ['--axl', url])
      const { orchestrator, nodes } = await openPool(2, demoPack, reach)
      const answer = await (await ask(orchestrator, 40, false)).json()
      expect(answer.choices[0].message.content).toBe(alone)
      for (const node of nodes) {
        const started = node.events.find(event => event.type === 'node-started')
        expect(started?.reach).toEqual({ webrtc: false, axl: expect.stringMatching(/^[0-9a-f]{64}$/) })
        const served = await node.until(servedWhenLinked)
        expect(served.links).toMatchObject([{ kind: 'axl', isOpen: true }])
      }
      expect(daemons.every(({ counts }) => counts.sent > answer.usage.completion_tokens)).toBe(true)
    } finally {
      await axl.close()
    }
  })
})

describe('a node that is told to stop', () => {
  it('finishes the answer that runs, and leaves', async () => {
    const { orchestrator, nodes } = await openPool(2, longPack)
    const whole = await (await ask(orchestrator, 400, false)).json()
    const response = await ask(orchestrator, 400, true)
    let text = ''
    let tokensAfter = 0
    const leaving = nodes[1]!
    for await (const chunk of events(response)) {
      if (text === '') leaving.signal('SIGTERM')
      if (leaving.events.some(event => event.type === 'node-draining')) tokensAfter += 1
      text += chunk
    }
    expect(text).toBe(whole.choices[0].message.content)
    expect(tokensAfter).toBeGreaterThan(50)
    expect(await leaving.ended).toBe(0)
    expect(leaving.events.at(-1)).toEqual({ type: 'node-left' })
    expect(leaving.stderr()).toBe('')
  })
})

describe('a node that is told to stop while it starts', () => {
  it('ends, though its daemon keeps it waiting', async () => {
    let ask = () => {}
    const asked = new Promise<void>(resolve => {
      ask = resolve
    })
    // Takes the question and never answers.
    const daemon = createServer(() => ask()).listen(0, '127.0.0.1')
    await once(daemon, 'listening')
    const url = `http://127.0.0.1:${(daemon.address() as AddressInfo).port}`
    const node = spawnNode({ args: ['http://127.0.0.1:1', '--axl', url, '--data', join(root, 'waiting')] })
    running.nodes.push(node)
    await asked
    node.signal('SIGTERM')
    expect(await node.ended).toBe(0)
    expect([node.events, node.stderr()]).toEqual([[{ type: 'node-left' }], ''])
    daemon.closeAllConnections()
    daemon.close()
  })
})

describe('a node that cannot', () => {
  it('tells usage from refusal by its exit code, with what to do', async () => {
    const wrong = spawnNode({ args: ['--memory', 'much'] })
    expect(await wrong.ended).toBe(2)
    expect(JSON.parse(wrong.stderr())).toMatchObject({
      type: 'error',
      code: 'input_invalid',
      remedy: expect.stringContaining('6GB'),
    })
  })

  it('ends at once where its AXL daemon does not answer', async () => {
    const node = spawnNode({
      args: ['http://127.0.0.1:1', '--axl', 'http://127.0.0.1:1', '--data', join(root, 'none')],
    })
    expect(await node.ended).toBe(1)
    expect(JSON.parse(node.stderr())).toMatchObject({ type: 'error', code: 'peer_unreachable' })
  })

  it('is told by the doctor what is missing', async () => {
    const doctor = spawnNode({
      args: ['doctor', 'http://127.0.0.1:1', '--engine', 'cpu', '--data', join(root, 'none')],
    })
    expect(await doctor.ended).toBe(1)
    expect(doctor.events.at(-1)).toEqual({ type: 'diagnosis', canServe: false, missing: ['orchestrator'] })
    expect(doctor.events).toContainEqual(expect.objectContaining({ check: 'webrtc', result: 'good' }))
    expect(doctor.events).toContainEqual(expect.objectContaining({ check: 'engines', result: 'good' }))
  })
})

async function* events(response: Response): AsyncGenerator<string> {
  let rest = ''
  for await (const bytes of response.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + bytes).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (!line.startsWith('data: {')) continue
      const { choices } = JSON.parse(line.slice(6))
      const content = choices[0]?.delta.content
      if (content) yield content
    }
  }
}
