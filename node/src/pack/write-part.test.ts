import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { tinyModels } from '../../testing/tiny-weights.ts'
import type { Checkpoint, StoredTensor } from './checkpoint.ts'
import { openLocalFolder } from './local-folder.ts'
import { openGguf } from './open-gguf.ts'
import { writePart } from './write-part.ts'

/** A layer of the tiny Llama (64 inputs, heads of 16 rows) written through a source that counts what is asked of it. */
async function writeCounted(blockBytes: number, fail = false) {
  const { signal } = new AbortController()
  const opened = await openGguf(await openLocalFolder(`${tinyModels}llama`), 'model-q8_0.gguf', false, signal)
  let inFlight = 0
  const asked = { peak: 0, sizes: [] as number[] }
  const counted = (stored: StoredTensor): StoredTensor => ({
    ...stored,
    file: {
      ...stored.file,
      read: async (offset, length, within) => {
        asked.peak = Math.max(asked.peak, ++inFlight)
        asked.sizes.push(length)
        await setImmediate()
        inFlight--
        if (fail && asked.sizes.length > 3) throw new Error('the source failed')
        return stored.file.read(offset, length, within)
      },
    },
  })
  const checkpoint: Checkpoint = {
    ...opened,
    tensors: new Map([...opened.tensors].map(([name, stored]) => [name, counted(stored)])),
  }
  const outDir = await mkdtemp(join(tmpdir(), 'pack-'))
  const job = {
    checkpoint,
    quantisation: 'q8',
    name: 'layer-1',
    packPath: 'layer-1.bin',
    filePath: join(outDir, 'layer-1.bin'),
    blockBytes,
    signal,
  } as const
  try {
    const part = await writePart({ ...job, onBytes: () => {}, onTensor: () => {} }).catch((error: Error) => error)
    return { ...asked, part, files: await readdir(outDir) }
  } finally {
    await opened.close()
    await rm(outDir, { recursive: true })
  }
}

it('asks for blocks of the stated size, two at a time', async () => {
  const { peak, sizes } = await writeCounted(2000)
  expect(peak).toBe(2)
  expect(sizes.length).toBeGreaterThan(20)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2000)
})

it('asks for one head where a head is larger than a block', async () => {
  const { sizes } = await writeCounted(100)
  // 16 rows of two Q8_0 blocks.
  expect(Math.max(...sizes)).toBe(16 * 68)
})

it('gives the same part whatever the blocks', async () => {
  const [small, large] = [await writeCounted(2000), await writeCounted(2 ** 20)]
  expect(small.part).toEqual(large.part)
  expect(large.sizes.length).toBeLessThan(small.sizes.length)
  expect(large.files).toEqual(['layer-1.bin'])
})

it("puts nothing under the part's name where the source fails", async () => {
  const { part, files } = await writeCounted(2000, true)
  expect(part).toMatchObject({ message: 'the source failed' })
  expect(files).toEqual(['layer-1.bin.partial'])
})
