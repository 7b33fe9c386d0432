import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { onceInFolder } from './once-in-folder.ts'

let cache = ''

beforeEach(async () => {
  cache = await mkdtemp(path.join(tmpdir(), 'once-in-folder-'))
})

afterEach(() => rm(cache, { recursive: true }))

const fill = (text: string) => (folder: string) => writeFile(path.join(folder, 'made'), text)
const textIn = (folder: string): Promise<string> => readFile(path.join(folder, 'made'), 'utf8')

test('who was robbed of the lock and comes second uses what is there', async () => {
  const robbed = await onceInFolder({
    cache,
    name: 'chain',
    make: async draft => {
      await fill('slower')(draft)
      await rm(path.join(cache, 'chain.lock'))
      await onceInFolder({ cache, name: 'chain', make: fill('faster') })
    },
  })
  expect(await textIn(robbed)).toBe('faster')
  expect(await readdir(cache)).toEqual(['chain'])
})

test('what is found was made once, unless the clock was set back since', async () => {
  await onceInFolder({ cache, name: 'chain', make: fill('first') })
  const found = await onceInFolder({ cache, name: 'chain', make: fill('second') })
  expect(await textIn(found)).toBe('first')

  const future = new Date(Date.now() + 3_600_000)
  await utimes(found, future, future)
  expect(await textIn(await onceInFolder({ cache, name: 'chain', make: fill('third') }))).toBe('third')
  expect(await textIn(await onceInFolder({ cache, name: 'chain', make: fill('fourth') }))).toBe('third')
})

test('what was not made to the end is not found', async () => {
  const fails = async (draft: string): Promise<void> => {
    await fill('half')(draft)
    throw new Error('no')
  }
  await expect(onceInFolder({ cache, name: 'chain', make: fails })).rejects.toThrow('no')
  expect(await readdir(cache)).toEqual([])
})
