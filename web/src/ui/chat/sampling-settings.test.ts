import { expect, test } from 'vitest'
import { defaultSettings, readSettings, writeSettings } from './sampling-settings.ts'

function memory(start: Record<string, string> = {}) {
  const values = new Map(Object.entries(start))
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
  }
}

test('settings come back as they were kept', () => {
  const storage = memory()
  const settings = { temperature: 0.7, maxTokens: 64, seed: 3, trustedEnds: true }
  writeSettings(storage, settings)
  expect(readSettings(storage)).toEqual(settings)
})

test('settings of a page that knew no trusted ends come back, and ask for none', () => {
  const storage = memory({ 'computepool.sampling': '{"temperature":0.7,"maxTokens":64,"seed":3}' })
  expect(readSettings(storage)).toEqual({ temperature: 0.7, maxTokens: 64, seed: 3, trustedEnds: false })
})

test('settings that cannot be read, or no storage, leave the defaults', () => {
  expect(readSettings(memory({ 'computepool.sampling': '{"temperature":99}' }))).toEqual(defaultSettings)
  expect(readSettings(memory({ 'computepool.sampling': 'torn' }))).toEqual(defaultSettings)
  expect(readSettings(null)).toEqual(defaultSettings)
})
