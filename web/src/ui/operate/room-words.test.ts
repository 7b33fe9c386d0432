import { expect, test } from 'vitest'
import { createPackStore } from '../stores/pack-store.ts'
import { roomWords } from './room-words.ts'

const pack = { model: 'Qwen3-4B', layers: 36, layerBytes: 100e6, totalBytes: 4e9 }
const plain = (text: string) => text.replaceAll('\u202f', ' ')

test.each([
  [8e9, 'Room for all 36 layers of Qwen3-4B (4.00 GB).'],
  [4e9, 'Room for roughly 30 of the 36 layers of Qwen3-4B (100 MB each).'],
  [100e6, 'Too little for one layer of Qwen3-4B (100 MB each) and its caches.'],
])('%d bytes: %s', (offered, words) => {
  expect(plain(roomWords(offered, pack))).toBe(words)
})

test('sizes come from the manifest’s parts; an answer for another model is not taken', async () => {
  const answers = new Map<string, (manifest: unknown) => void>()
  const store = createPackStore(model => new Promise(resolve => answers.set(model, resolve)))
  const parts = [
    { name: 'embedding', sizeBytes: 50 },
    { name: 'layer-0', sizeBytes: 10 },
    { name: 'layer-1', sizeBytes: 12 },
  ]
  store.load('old')
  store.load('new')
  answers.get('new')?.({ model: 'new', parts })
  answers.get('old')?.({ model: 'old', parts })
  await new Promise(resolve => setTimeout(resolve, 0))
  expect(store.getSnapshot()).toEqual({ model: 'new', layers: 2, layerBytes: 12, totalBytes: 72 })
})

test('a manifest that cannot be had leaves the offer without layers, and may be asked for again', async () => {
  let asked = 0
  const store = createPackStore(async () => {
    asked += 1
    throw new Error('404')
  })
  store.load('demo')
  await new Promise(resolve => setTimeout(resolve, 0))
  store.load('demo')
  expect(store.getSnapshot()).toBeNull()
  expect(asked).toBe(2)
})
