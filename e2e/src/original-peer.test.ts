/** The whole way: an orchestrator, a headless node, and behind the node, over AXL's stand-in, a peer of the original ComputePool. */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { openNativeEngine } from '@computepool/node/engine/open-native-engine.ts'
import { packFolderParts } from '@computepool/node/engine/pack-folder-parts.ts'
import { runNode } from '@computepool/node/operator/run-node.ts'
import type { OriginalTail } from '@computepool/node/original/original-tail.ts'
import { writeRandomPack } from '@computepool/node/pack/random-pack.ts'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import type { Manifest } from '@computepool/shared/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startAxlStandIn } from '../../node/testing/axl-stand-in.ts'
import { startOriginalPeer } from '../../node/testing/original-peer.ts'

const cut = 2
const closers: (() => unknown)[] = []
let folder = ''
let packDir = ''
let manifest: Manifest

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'computepool-original-'))
  packDir = path.join(folder, 'pack')
  manifest = await writeRandomPack({
    outDir: packDir,
    model: 'random/original',
    architecture: 'llama',
    quantisation: 'f32',
    seed: 3,
    dimensions: {
      layers: 4,
      hidden: 64,
      heads: 4,
      kvHeads: 2,
      headDim: 16,
      intermediate: 96,
      vocab: 320,
      context: 256,
    },
  })
})
afterAll(async () => {
  for (const close of closers.reverse()) await close()
  await rm(folder, { recursive: true, force: true })
})

/** A pool of one node; answers with the text of a greedy completion. */
async function openPool(name: string, given: { axlUrl: string | null; originalTail: OriginalTail | null }) {
  const orchestrator = await startOrchestrator({ port: 0, packDir, minSeats: 1, pageFolder: null })
  closers.push(() => orchestrator.close())
  const notices: string[] = []
  let serve = (): void => {}
  let fail = (_error: unknown): void => {}
  const serving = new Promise<void>((resolve, reject) => {
    serve = resolve
    fail = reject
  })
  const node = await runNode(
    {
      url: orchestrator.url,
      dataDir: path.join(folder, name),
      memoryBudgetBytes: 1e9,
      threads: 1,
      engine: 'cpu',
      usesWebRtc: false,
      keystorePath: undefined,
      passwordFile: undefined,
      drainMs: 0,
      ...given,
    },
    {
      env: {},
      tell: ({ status, error }) => (status === 'serving' ? serve() : status === 'failed' && fail(error)),
      onEngineLost: fail,
      onNotice: text => notices.push(text),
    },
  )
  closers.push(() => node.peer.leave())
  await serving
  await expect
    .poll(async () => (await (await fetch(`${orchestrator.url}/api/pool`)).json()).status, { timeout: 20_000 })
    .toBe('ready')
  return {
    notices,
    async ask(extra: Record<string, unknown> = {}) {
      const response = await fetch(`${orchestrator.url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: manifest.model,
          prompt: 'a peer of old',
          max_tokens: 16,
          temperature: 0,
          ...extra,
        }),
      })
      return { status: response.status, body: await response.json() }
    },
  }
}

test('a node whose last layers an original peer computes answers with the text of a node alone', async () => {
  const axl = startAxlStandIn()
  closers.push(() => axl.close())
  const [ours, theirs] = [await axl.startDaemon(), await axl.startDaemon()]
  const { layers } = manifest.dimensions
  const engine = await openNativeEngine(
    {
      manifest,
      parts: packFolderParts(packDir),
      layers: { start: cut, end: layers },
      kvBudgetBytes: 2 ** 26,
      maxContext: 256,
    },
    { threads: 1 },
  )
  const exit = startOriginalPeer({ url: theirs.url, replyTo: ours.key, engine })
  closers.push(() => exit.close())

  const alone = await (await openPool('alone', { axlUrl: null, originalTail: null })).ask()
  const originalTail = { key: theirs.key, layers: { start: cut, end: layers } }
  const pool = await openPool('behind', { axlUrl: ours.url, originalTail })
  const answer = await pool.ask()
  expect(answer.status).toBe(200)
  // Of this model and prompt: the boundary is rounded to bfloat16, which may turn near ties round.
  expect(answer.body.choices[0].text).toBe(alone.body.choices[0].text)
  expect(answer.body.usage).toEqual(alone.body.usage)
  // Not by another way: a frame for the prompt and one for each further token.
  expect(exit.computed).toHaveLength(answer.body.usage.completion_tokens)
  await expect.poll(() => exit.held()).toBe(0)

  const refused = await pool.ask({ top_p: 0.5 })
  expect(refused).toMatchObject({ status: 400, body: { error: { code: 'unsupported_parameter' } } })
})
