import { afterEach, expect, test, vi } from 'vitest'
import { holdLock } from './host.ts'

afterEach(() => vi.unstubAllGlobals())

test('a lock is held, shared with other tabs, until it is given back', async () => {
  const held: { name: string; mode: string; isOver: boolean }[] = []
  vi.stubGlobal('navigator', {
    locks: {
      request: async (name: string, { mode }: { mode: string }, work: () => Promise<void>) => {
        const lock = { name, mode, isOver: false }
        held.push(lock)
        await work()
        lock.isOver = true
      },
    },
  })
  const release = holdLock('computepool-serving')
  await new Promise(setImmediate)
  expect(held).toEqual([{ name: 'computepool-serving', mode: 'shared', isOver: false }])
  release()
  await new Promise(setImmediate)
  expect(held[0]!.isOver).toBe(true)
})

test('a browser without locks, or one that refuses, changes nothing', () => {
  vi.stubGlobal('navigator', {})
  expect(() => holdLock('a')()).not.toThrow()
  vi.stubGlobal('navigator', { locks: { request: () => Promise.reject(new Error('No.')) } })
  expect(() => holdLock('a')()).not.toThrow()
})
