import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { onceAcross } from './compile-lock.ts'

let folder = ''
let lockFile = ''
/** No process has the highest id there is. */
const deadHolder = String(2 ** 22 - 1)

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'compile-lock-'))
  lockFile = path.join(folder, 'lock')
})

afterEach(() => rm(folder, { recursive: true }))

/** Waited for by one side of a race, opened by the other. */
function gate(): { open: () => void; readonly opened: Promise<void> } {
  let open = (): void => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { open, opened }
}

/** Never there, and tired of being asked: who waits for ever fails at once. */
function notThere(): () => Promise<undefined> {
  let asked = 0
  return async () => {
    if (++asked > 5) throw new Error('still waits')
    return undefined
  }
}

test('who finds a dead holder late leaves the lock alone that was taken meanwhile', async () => {
  await writeFile(lockFile, deadHolder)
  const [read, fasterMakes, slowerCameRound] = [gate(), gate(), gate()]
  let result: string | undefined
  let asked = 0
  const made: string[] = []
  const slower = onceAcross({
    lockFile,
    // As slow as a process on a busy machine, the first time.
    read: async file => {
      const found = await readFile(file, 'utf8')
      read.open()
      await fasterMakes.opened
      return found
    },
    done: async () => {
      if (++asked === 3) slowerCameRound.open()
      return result
    },
    make: async () => {
      made.push('slower')
      return 'bytes'
    },
  })
  await read.opened
  const faster = onceAcross({
    lockFile,
    done: async () => result,
    make: async () => {
      made.push('faster')
      fasterMakes.open()
      await slowerCameRound.opened
      result = 'bytes'
      return result
    },
  })
  expect(await Promise.all([slower, faster])).toEqual(['bytes', 'bytes'])
  expect(made).toEqual(['faster'])
})

test.each([
  ['old', -10],
  ['of the future, since the clock was set back', 10],
])('a lock that is %s holds nobody up, though a process has its id', async (_, minutes) => {
  await writeFile(lockFile, String(process.pid))
  const at = new Date(Date.now() + minutes * 60_000)
  await utimes(lockFile, at, at)
  expect(await onceAcross({ lockFile, done: notThere(), make: async () => 'bytes' })).toBe('bytes')
})

test('a maker that lost its lock to another leaves that one’s lock in place', async () => {
  const [firstMakes, secondMakes, firstEnded] = [gate(), gate(), gate()]
  const first = onceAcross({
    lockFile,
    done: notThere(),
    make: async () => {
      const at = new Date(Date.now() - 10 * 60_000)
      await utimes(lockFile, at, at)
      firstMakes.open()
      await secondMakes.opened
      return 'first'
    },
  })
  await firstMakes.opened
  const second = onceAcross({
    lockFile,
    done: notThere(),
    make: async () => {
      const before = await readFile(lockFile, 'utf8')
      secondMakes.open()
      await firstEnded.opened
      expect(await readFile(lockFile, 'utf8').catch(() => 'gone')).toBe(before)
      return 'second'
    },
  })
  await first
  firstEnded.open()
  expect(await second).toBe('second')
})
