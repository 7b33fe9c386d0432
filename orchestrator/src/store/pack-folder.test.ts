import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeRandomPack } from '@computepool/node/pack/random-pack.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cachedPack } from './model-cache.ts'
import { openPackFolder } from './pack-folder.ts'

const dimensions = {
  layers: 2,
  hidden: 32,
  heads: 1,
  kvHeads: 1,
  headDim: 32,
  intermediate: 32,
  vocab: 300,
  context: 64,
}

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-folder-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('openPackFolder', () => {
  beforeEach(async () => {
    await writeRandomPack({
      outDir: folder,
      architecture: 'llama',
      dimensions,
      quantisation: 'f16',
      seed: 1,
      model: 'r',
    })
  })

  it('knows the files of the manifest, and nothing else of the folder', async () => {
    await writeFile(join(folder, 'private.txt'), 'secret')
    const { files } = await openPackFolder(folder)
    expect([...files.keys()].sort()).toEqual([
      'manifest.json',
      'parts/embedding.bin',
      'parts/head.bin',
      'parts/layer-0.bin',
      'parts/layer-1.bin',
      'tokenizer.json',
      'tokenizer_config.json',
    ])
  })

  it('refuses a half-written part', async () => {
    await truncate(join(folder, 'parts/layer-1.bin'), 10)
    await expect(openPackFolder(folder)).rejects.toMatchObject({
      code: 'artifact_invalid',
      message: expect.stringMatching(/"parts\/layer-1.bin" has 10 bytes, not \d+/),
    })
  })

  it('refuses a tokenizer that is not the one that was packed', async () => {
    const path = join(folder, 'tokenizer.json')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('"version"', '"Version"'))
    await expect(openPackFolder(folder)).rejects.toMatchObject({ code: 'artifact_digest_mismatch' })
  })

  it('refuses what is no manifest', async () => {
    await writeFile(join(folder, 'manifest.json'), '{"format":"zip"}')
    await expect(openPackFolder(folder)).rejects.toMatchObject({ code: 'artifact_invalid' })
    await rm(join(folder, 'manifest.json'))
    await expect(openPackFolder(folder)).rejects.toMatchObject({
      code: 'artifact_invalid',
      remedy: 'Make one with `npm run computepool -- pack <source>`.',
    })
  })
})

describe('cachedPack', () => {
  it('packs a model once for each quantisation', async () => {
    const said: string[] = []
    const source = new URL('../../../models/tiny/qwen3', import.meta.url).pathname
    const pack = (quantisation: 'q8' | 'f16') =>
      cachedPack({
        source,
        quantisation,
        cacheDir: folder,
        hubUrl: undefined,
        hubToken: undefined,
        signal: new AbortController().signal,
        write: text => said.push(text),
        isTerminal: false,
      })
    const first = await pack('q8')
    expect((await openPackFolder(first)).manifest).toMatchObject({ quantisation: 'q8', selfTest: { dtype: 'f32' } })
    const packed = said.splice(0).join('')
    expect(packed).toContain('Packing ')
    expect(await pack('q8')).toBe(first)
    expect(said.splice(0)).toEqual([`Using the pack in ${first} (delete the folder to pack again).\n`])
    expect(await pack('f16')).not.toBe(first)
  })

  it('takes no model’s pack for another’s whose name looks alike, and knows older packs by what they say', async () => {
    const older = join(folder, 'hf-me-tiny-model-q8')
    await mkdir(older)
    await writeFile(join(older, 'manifest.json'), JSON.stringify({ source: `hf:me/tiny-model@${'0a'.repeat(20)}` }))
    const said: string[] = []
    const pack = (source: string) =>
      cachedPack({
        source,
        quantisation: 'q8',
        cacheDir: folder,
        hubUrl: 'http://127.0.0.1:1',
        hubToken: undefined,
        // Nothing is fetched here: what is said tells where it would go.
        signal: AbortSignal.abort(),
        write: text => said.push(text),
        isTerminal: false,
      })
    expect(await pack('hf:me/tiny-model')).toBe(older)
    said.length = 0
    for (const other of ['hf:me-tiny/model', 'hf:me/tiny/model', 'hf:me/tiny-model@v2']) {
      await expect(pack(other)).rejects.toThrow()
    }
    const folders = said.map(text => / into (\S+)/.exec(text)?.[1])
    expect(new Set([...folders, older]).size).toBe(4)
  })
})
