import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  type HubFault,
  type HubRequest,
  LOCAL_HUB_COMMIT,
  type LocalHub,
  type LocalHubOptions,
  startLocalHub,
} from '../../testing/local-hub.ts'
import { readPack } from '../../testing/read-pack.ts'
import { tinyModels } from '../../testing/tiny-weights.ts'
import { FIRST_BYTES } from './http-folder.ts'
import { fetchSpan } from './http-reader.ts'
import { type PackOptions, packModel } from './pack-model.ts'
import type { RetryPolicy } from './retry-policy.ts'

const repos = {
  'tiny/qwen3': `${tinyModels}qwen3`,
  'tiny/llama3': `${tinyModels}llama3`,
  'tiny/llama': `${tinyModels}llama`,
}

let root: string
let hub: LocalHub | undefined
let packs = 0
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pack-'))
})
afterAll(() => rm(root, { recursive: true }))
afterEach(async () => {
  await hub?.close()
  hub = undefined
})

async function serve(options: Partial<LocalHubOptions> = {}): Promise<LocalHub> {
  hub = await startLocalHub({ repos, ...options })
  return hub
}

/** Time that passes only by waiting: a run of retries takes no real time. */
function manualPolicy(deadlineMs = 60_000): RetryPolicy & { waits: number[] } {
  let nowMs = 0
  const waits: number[] = []
  return {
    ...{ deadlineMs, firstDelayMs: 500, maxDelayMs: 8_000, idleMs: 30_000, waits },
    nowMs: () => nowMs,
    wait: async delayMs => {
      waits.push(delayMs)
      nowMs += delayMs
    },
  }
}

async function pack(options: Omit<PackOptions, 'outDir' | 'quantisation'> & Partial<PackOptions>) {
  const outDir = join(root, String(packs++))
  const result = await packModel({ quantisation: 'q8', outDir, ...options })
  return { outDir: options.outDir ?? outDir, ...result }
}

/** Digests of parts and tokenizer: what a pack is, whatever its source is called. */
async function contents(outDir: string) {
  const digests = new Map((await readPack(outDir)).digests)
  digests.delete('manifest.json')
  return digests
}

describe('packing over HTTP', () => {
  it('gives the same pack from a hub id, a URL and a local folder', async () => {
    const { url, filesUrl } = await serve({ licence: 'apache-2.0' })
    const local = await pack({ source: repos['tiny/qwen3'] })
    const fromUrl = await pack({ source: `${filesUrl}/tiny/qwen3` })
    const fromHub = await pack({ source: 'hf:tiny/qwen3', hubUrl: url })
    expect(await contents(fromUrl.outDir)).toEqual(await contents(local.outDir))
    expect(await contents(fromHub.outDir)).toEqual(await contents(local.outDir))
    expect(fromHub.manifest).toMatchObject({
      model: 'tiny/qwen3',
      licence: 'apache-2.0',
      source: `hf:tiny/qwen3@${LOCAL_HUB_COMMIT}`,
    })
  })

  it('reads shards by their index, and a GGUF of a hub by its name', async () => {
    const { url } = await serve()
    const tokenizer = repos['tiny/llama']
    const sharded = await pack({ source: 'hf:tiny/llama3@main', hubUrl: url, tokenizer })
    expect(await contents(sharded.outDir)).toEqual(
      await contents((await pack({ source: repos['tiny/llama3'], tokenizer })).outDir),
    )
    const gguf = await pack({ source: 'hf:tiny/qwen3:model-q8_0.gguf', hubUrl: url })
    const local = await pack({ source: `${repos['tiny/qwen3']}/model-q8_0.gguf` })
    expect(await contents(gguf.outDir)).toEqual(await contents(local.outDir))
    const byUrl = await pack({ source: `${url}/files/tiny/qwen3/model-q8_0.gguf` })
    expect(await contents(byUrl.outDir)).toEqual(await contents(local.outDir))
    expect(byUrl.manifest.model).toBe('model-q8_0')
  })

  it('asks for spans of bounded size only', async () => {
    const { url, requests } = await serve()
    const blockBytes = 16 * 1024
    await pack({ source: 'hf:tiny/qwen3', hubUrl: url, blockBytes })
    const spans = requests.filter(request => request.origin === 'cdn').map(({ range }) => range![1] - range![0] + 1)
    // The first request of a file also brings its header.
    expect(spans.shift()).toBe(FIRST_BYTES)
    expect(spans.length).toBeGreaterThan(10)
    expect(Math.max(...spans)).toBeLessThanOrEqual(blockBytes)
  })

  it('sends its token to the hub only, and shows it in no error', async () => {
    const { url, requests } = await serve({ fault: request => (request.origin === 'cdn' ? 403 : null) })
    const thrown = await pack({ source: 'hf:tiny/qwen3', hubUrl: url, token: 'hf_secret' }).catch(error => error)
    expect(thrown).toMatchObject({ code: 'artifact_fetch_failed', remedy: expect.stringContaining('HF_TOKEN') })
    expect(JSON.stringify(thrown) + thrown.message).not.toMatch(/hf_secret|signature/)
    const sent = (origin: string) =>
      new Set(requests.filter(request => request.origin === origin).map(request => request.authorization))
    expect(sent('hub')).toEqual(new Set(['Bearer hf_secret']))
    expect(sent('cdn')).toEqual(new Set([null]))
  })

  it.each<[string, HubFault]>([
    ['a busy server', 503],
    ['a cut reply', 'cut'],
    ['too many requests', 429],
  ])('bears %s on every file, and gives the same pack', async (_, fault) => {
    const seen = new Set<string>()
    const once = (request: HubRequest) => {
      const key = `${request.origin} ${request.path} ${request.range}`
      const isFirst = !seen.has(key)
      seen.add(key)
      return isFirst ? fault : null
    }
    const { url } = await serve({ fault: once })
    const { outDir } = await pack({
      source: 'hf:tiny/qwen3',
      hubUrl: url,
      retry: manualPolicy(),
      blockBytes: 64 * 1024,
    })
    expect(await contents(outDir)).toEqual(await contents((await pack({ source: repos['tiny/qwen3'] })).outDir))
  })

  it('gives up on a server that stays down, after waiting longer and longer', async () => {
    const { url } = await serve({ fault: () => 503 })
    const retry = manualPolicy(20_000)
    await expect(pack({ source: 'hf:tiny/qwen3', hubUrl: url, retry })).rejects.toMatchObject({
      code: 'artifact_fetch_failed',
      message: expect.stringContaining('503'),
      remedy: expect.stringContaining('run the same command again'),
    })
    expect(retry.waits).toEqual([500, 1000, 2000, 4000, 8000])
  })

  it('asks the hub anew where a signed address has expired', async () => {
    let expired = 0
    const { url } = await serve({
      fault: request => (request.origin === 'cdn' && request.range![0] > 0 && expired++ === 0 ? 403 : null),
    })
    const { outDir } = await pack({ source: 'hf:tiny/qwen3:model-bf16.gguf', hubUrl: url, blockBytes: 16 * 1024 })
    expect(expired).toBeGreaterThan(5)
    expect(await contents(outDir)).toEqual(
      await contents((await pack({ source: `${repos['tiny/qwen3']}/model-bf16.gguf` })).outDir),
    )
  })

  it.each([
    ['hf:tiny/absent', 'input_not_found', 'tiny/absent'],
    ['hf:tiny/qwen3:absent.gguf', 'input_not_found', 'absent.gguf'],
    ['hf:../etc', 'input_invalid', 'not a hub id'],
    ['hf:a/b/c', 'input_invalid', 'not a hub id'],
  ])('refuses %s with %s', async (source, code, text) => {
    const { url } = await serve()
    await expect(pack({ source, hubUrl: url })).rejects.toMatchObject({ code, message: expect.stringContaining(text) })
  })

  it('gives up on a server that falls silent', async () => {
    const { url } = await serve({ fault: () => 'hang' })
    await expect(
      pack({ source: 'hf:tiny/qwen3', hubUrl: url, retry: { ...manualPolicy(), idleMs: 1 } }),
    ).rejects.toMatchObject({
      code: 'artifact_fetch_failed',
      message: expect.stringContaining('no byte came for 1 ms'),
    })
  })

  it('takes small files whole from a server without ranges, and refuses to take large ones so', async () => {
    const { filesUrl } = await serve({ ignoresRanges: true })
    const { outDir } = await pack({ source: `${filesUrl}/tiny/qwen3` })
    expect(await contents(outDir)).toEqual(await contents((await pack({ source: repos['tiny/qwen3'] })).outDir))
    const access = { policy: manualPolicy(), token: null, tokenOrigin: null }
    const whole = fetchSpan(
      `${filesUrl}/tiny/qwen3/model.safetensors`,
      0,
      1000,
      access,
      new AbortController().signal,
      100_000,
    )
    await expect(whole).rejects.toMatchObject({
      code: 'artifact_fetch_failed',
      message: expect.stringContaining('ignores Range'),
    })
  })

  it('refuses a gated model at once, without asking twice', async () => {
    const { url, requests } = await serve({ fault: () => 401 })
    await expect(pack({ source: 'hf:tiny/qwen3', hubUrl: url })).rejects.toMatchObject({
      code: 'artifact_fetch_failed',
      context: { status: 401 },
    })
    expect(requests).toHaveLength(1)
  })
})
