import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { goodFile, keepGoodState } from './good-state.ts'

let dir: string
let file: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'good-'))
  file = join(dir, 'state.json')
})
afterEach(() => rm(dir, { recursive: true }))

const laterMs = () => Date.now() + 10_000
const write = async (text: string, atSeconds: number) => {
  await writeFile(file, text)
  await utimes(file, atSeconds, atSeconds)
}
const good = () => readFile(goodFile(file), 'utf8')

it('keeps the newest whole state, and none that is cut off', async () => {
  expect(await keepGoodState(file)).toBe(false)
  const now = Date.now() / 1000
  await write('{"blocks":[],"historical_states":null}', now)
  expect(await keepGoodState(file, laterMs())).toBe(true)
  // A cut may end in a bracket and still be one.
  for (const [at, text] of ['', '{"blocks":[{"a":1}', '{"blo'].entries()) {
    await write(text, now + 100 + at)
    expect(await keepGoodState(file, laterMs() + 200_000)).toBe(false)
  }
  expect(await good()).toBe('{"blocks":[],"historical_states":null}')
  await write('{"historical_states":null,"blocks":[1]}', now + 300)
  expect(await keepGoodState(file, laterMs() + 400_000)).toBe(true)
  expect(await good()).toBe('{"historical_states":null,"blocks":[1]}')
})

it('does not copy what is still being written, nor what it has', async () => {
  const now = Date.now() / 1000
  await write('{"blocks":[],"historical_states":null}', now)
  expect(await keepGoodState(file, now * 1000 + 500)).toBe(false)
  expect(await keepGoodState(file, laterMs())).toBe(true)
  const { ino } = await stat(goodFile(file))
  expect(await keepGoodState(file, laterMs())).toBe(false)
  expect((await stat(goodFile(file))).ino).toBe(ino)
})
