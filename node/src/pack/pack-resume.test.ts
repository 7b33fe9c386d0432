import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type LocalHub, startLocalHub } from '../../testing/local-hub.ts'
import { readPack } from '../../testing/read-pack.ts'
import { tinyModels } from '../../testing/tiny-weights.ts'
import { packModel } from './pack-model.ts'
import type { PackProgress } from './pack-progress.ts'

const source = `${tinyModels}qwen3`
let root: string
let hub: LocalHub | undefined
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pack-'))
})
afterAll(() => rm(root, { recursive: true }))
afterEach(() => hub?.close())

/** Packs until layer 1 begins, then stops. */
async function packHalf(outDir: string, options: { source: string; hubUrl?: string }): Promise<void> {
  const stop = new AbortController()
  const reason = new Error('stopped')
  const onProgress = (progress: PackProgress) => {
    if (progress.part === 'layer-1' && progress.tensorsDone > 14) stop.abort(reason)
  }
  const packing = packModel({
    ...options,
    outDir,
    quantisation: 'q8',
    onProgress,
    signal: stop.signal,
    blockBytes: 2048,
  })
  await expect(packing).rejects.toBe(reason)
}

async function wholeDigests() {
  const outDir = join(root, 'whole')
  await packModel({ source, outDir, quantisation: 'q8' })
  return (await readPack(outDir)).digests
}

/** Where a layer's weights lie in the source's file. */
async function layerSpan(layer: number): Promise<{ start: number; end: number }> {
  const bytes = await readFile(`${source}/model.safetensors`)
  const headerBytes = Number(bytes.readBigUInt64LE(0))
  const header: Record<string, { data_offsets: [number, number] }> = JSON.parse(
    bytes.subarray(8, 8 + headerBytes).toString(),
  )
  const offsets = Object.entries(header).flatMap(([name, entry]) =>
    name.includes(`layers.${layer}.`) ? entry.data_offsets : [],
  )
  return { start: 8 + headerBytes + Math.min(...offsets), end: 8 + headerBytes + Math.max(...offsets) }
}

/** The command in one process, so that a kill hits what works. */
function command(args: string[]): ChildProcess {
  const tsx = createRequire(import.meta.url).resolve('tsx')
  const cli = fileURLToPath(new URL('../cli.ts', import.meta.url))
  return spawn(process.execPath, ['--import', pathToFileURL(tsx).href, cli, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

describe('a stopped packing run', () => {
  it('goes on where it was and ends with the same bytes', async () => {
    const outDir = join(root, 'stopped')
    await packHalf(outDir, { source })
    expect(await readdir(outDir)).not.toContain('manifest.json')
    const { reusedParts } = await packModel({ source, outDir, quantisation: 'q8' })
    expect(reusedParts).toEqual(['embedding', 'layer-0'])
    expect((await readPack(outDir)).digests).toEqual(await wholeDigests())
    // Nothing of the making is left in the pack.
    expect((await readdir(outDir, { recursive: true })).filter(name => /partial|journal/.test(name))).toEqual([])
  })

  it('leaves no older manifest beside new parts', async () => {
    const outDir = join(root, 'older')
    await packModel({ source, outDir, quantisation: 'q4' })
    await packHalf(outDir, { source })
    expect(await readdir(outDir)).not.toContain('manifest.json')
  })

  it('does not fetch finished parts again', async () => {
    const { start, end } = await layerSpan(0)
    hub = await startLocalHub({ repos: { 'tiny/qwen3': source } })
    const intoLayer0 = () =>
      hub!.requests.filter(
        ({ origin, range }) => origin === 'cdn' && range![0] > 0 && range![0] < end && range![1] >= start,
      ).length
    const options = { source: 'hf:tiny/qwen3', hubUrl: hub.url, outDir: join(root, 'fetched') }
    await packHalf(options.outDir, options)
    const before = intoLayer0()
    expect(before).toBeGreaterThan(3)
    await packModel({ ...options, quantisation: 'q8' })
    expect(intoLayer0()).toBe(before)
  })

  it('makes a finished part anew where its bytes no longer match', async () => {
    const outDir = join(root, 'damaged')
    await packHalf(outDir, { source })
    await writeFile(join(outDir, 'parts/embedding.bin'), new Uint8Array(19_584))
    // A run that was killed may leave half a line.
    await appendFile(join(outDir, 'pack-journal.jsonl'), '{"name":"layer-1","pa')
    const { reusedParts } = await packModel({ source, outDir, quantisation: 'q8' })
    expect(reusedParts).toEqual(['layer-0'])
    expect((await readPack(outDir)).digests).toEqual(await wholeDigests())
  })

  it('starts anew where source or quantisation is another', async () => {
    const outDir = join(root, 'other')
    await packHalf(outDir, { source })
    const { reusedParts } = await packModel({ source, outDir, quantisation: 'q4' })
    expect(reusedParts).toEqual([])
  })

  it('survives a kill', async () => {
    const { start } = await layerSpan(1)
    let killed = () => {}
    const isInLayer1 = new Promise<void>(resolve => {
      killed = resolve
    })
    hub = await startLocalHub({
      repos: { 'tiny/qwen3': source },
      fault: ({ origin, range }) => {
        if (origin !== 'cdn' || range![0] < start) return null
        killed()
        return 'hang'
      },
    })
    const outDir = join(root, 'killed')
    const child = command(['pack', 'hf:tiny/qwen3', '--out', outDir, '--hub', hub.url, '--json'])
    const early = once(child, 'close').then(() => Promise.reject(new Error('the command ended before it was killed')))
    await Promise.race([isInLayer1, early])
    early.catch(() => {})
    child.kill('SIGKILL')
    await once(child, 'close')
    await hub.close()

    hub = await startLocalHub({ repos: { 'tiny/qwen3': source } })
    const second = command(['pack', 'hf:tiny/qwen3', '--out', outDir, '--hub', hub.url, '--json'])
    let output = ''
    second.stdout!.on('data', chunk => {
      output += chunk
    })
    expect(await once(second, 'close')).toEqual([0, null])
    expect(JSON.parse(output.trim().split('\n').at(-1)!)).toMatchObject({
      type: 'packed',
      model: 'tiny/qwen3',
      reusedParts: ['embedding', 'layer-0'],
    })
    const expected = await wholeDigests()
    const { digests, manifest } = await readPack(outDir)
    for (const part of manifest.parts) expect(digests.get(part.path)).toBe(expected.get(part.path))
    // What the command adds of itself: this machine's engine ran over the finished parts.
    expect(manifest.selfTest).toMatchObject({ source: 'onnxruntime-node f32', dtype: 'f32' })
    expect(manifest.selfTest?.tokens).toHaveLength(64)
  })

  it('answers at once where the same commit was packed already', async () => {
    hub = await startLocalHub({ repos: { 'tiny/qwen3': source } })
    const options = {
      source: 'hf:tiny/qwen3',
      hubUrl: hub.url,
      outDir: join(root, 'again'),
      quantisation: 'q8',
    } as const
    const first = await packModel(options)
    const requests = hub.requests.length
    const second = await packModel(options)
    expect(second.manifest).toEqual(first.manifest)
    expect(hub.requests.length - requests).toBe(1)
  })
})
