import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { noExpansion, openExitHead } from '@computepool/shared/engine'
import { packBytes } from '@computepool/shared/model'
import { expect, it } from 'vitest'
import { readPack } from '../../testing/read-pack.ts'
import { computeGoldens } from '../engine/compute-goldens.ts'
import { createNativeRuntime } from '../engine/native-runtime.ts'
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
    // Measured 3.4e-5: f32 sums in another order than PyTorch's.
    expect(worst, `boundary ${n}`).toBeLessThan(1e-3)
  }
})

it('the demo pack’s logits are the reference’s', async () => {
  const { manifest } = await readPack(directory)
  const reference = JSON.parse(
    await readFile(new URL('../../../models/demo/golden/logits.json', import.meta.url), 'utf8'),
  ) as { tokens: number[]; argmax: number[]; logits: number[] }
  const parts = packFolderParts(directory)
  const { boundaries, argmax } = await computeGoldens({ manifest, parts, tokens: reference.tokens })
  expect(argmax).toEqual(reference.argmax)
  const { layers, hidden, vocab } = manifest.dimensions
  const runtime = createNativeRuntime({ provider: 'cpu', threads: 1, expansion: noExpansion, float: 'f32' })
  const exit = { manifest, parts, layers: { start: layers - 1, end: layers }, kvBudgetBytes: 2 ** 26, maxContext: 128 }
  const head = await openExitHead(exit, runtime)
  const last = boundaries[layers]!.slice(-hidden)
  const logits = await head.logits(runtime.floatTensor(new Uint8Array(last.buffer), [1, 1, hidden]))
  const values = (await logits.getData()) as Float32Array
  expect(values).toHaveLength(vocab)
  const worst = reference.logits.reduce((most, value, i) => Math.max(most, Math.abs(value - values[i]!)), 0)
  expect(worst).toBeLessThan(2e-4)
  await head.close()
})
