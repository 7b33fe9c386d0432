import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { packBytes } from '@computepool/shared/model'
import { expect, it } from 'vitest'
import { readPack } from '../../testing/read-pack.ts'
import { computeGoldens } from '../engine/compute-goldens.ts'
import { packFolderParts } from '../engine/pack-folder-parts.ts'

const directory = fileURLToPath(new URL('../../../models/demo/pack/', import.meta.url))

it('the demo pack is whole, small, and computes what the reference computed', async () => {
  const { manifest } = await readPack(directory)
  expect(manifest).toMatchObject({
    model: 'computepool-demo',
    architecture: 'qwen3',
    quantisation: 'q8',
    tiedEmbeddings: true,
  })
  expect(packBytes(manifest)).toBeLessThan(8e6)
  const golden = manifest.selfTest!
  expect(golden.source).toContain('transformers')
  const { boundaries, argmax } = await computeGoldens({
    manifest,
    parts: packFolderParts(directory),
    tokens: golden.tokens,
  })
  expect(argmax).toEqual(golden.argmax)
  for (const [n, file] of golden.boundaries.entries()) {
    const expected = new Float32Array(new Uint8Array(await readFile(directory + file.path)).buffer)
    const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - boundaries[n]![i]!)), 0)
    // Measured 1e-5: f32 sums in another order than PyTorch's.
    expect(worst, `boundary ${n}`).toBeLessThan(1e-3)
  }
})
