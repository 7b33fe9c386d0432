import { expect, test } from 'vitest'
import { readyPool } from '../testing/sample-pool.ts'
import { createPoolStore, type EventStream } from './pool-store.ts'

function setUp() {
  const streams: (EventStream & { isClosed: boolean })[] = []
  const waits: { task: () => void; delayMs: number; isCancelled: boolean }[] = []
  const store = createPoolStore({
    openStream() {
      const stream = {
        onopen: null,
        onmessage: null,
        onerror: null,
        isClosed: false,
        close() {
          this.isClosed = true
        },
      }
      streams.push(stream)
      return stream
    },
    schedule(task, delayMs) {
      const wait = { task, delayMs, isCancelled: false }
      waits.push(wait)
      return () => {
        wait.isCancelled = true
      }
    },
  })
  const send = (value: unknown) => streams.at(-1)?.onmessage?.({ data: JSON.stringify(value) })
  return { store, streams, waits, send }
}

test('a snapshot that parses is shown', () => {
  const { store, send } = setUp()
  expect(store.getSnapshot()).toEqual({ connection: 'connecting', pool: null, problem: null })
  send(readyPool())
  expect(store.getSnapshot()).toEqual({ connection: 'live', pool: readyPool(), problem: null })
})

test('a snapshot of another shape is refused in words, and the last good one stays', () => {
  const { store, send } = setUp()
  send(readyPool())
  send({ ...readyPool(), layers: 'six' })
  expect(store.getSnapshot().pool).toEqual(readyPool())
  expect(store.getSnapshot().problem).toContain('cannot read')
})

test('a lost stream is closed and reopened, later each time, at most every 15 seconds', () => {
  const { store, streams, waits, send } = setUp()
  for (let round = 0; round < 6; round += 1) {
    streams.at(-1)?.onerror?.()
    expect(streams.at(-1)?.isClosed).toBe(true)
    expect(store.getSnapshot().connection).toBe('lost')
    waits.at(-1)?.task()
  }
  expect(waits.map(wait => wait.delayMs)).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000])
  send(readyPool())
  expect(store.getSnapshot().connection).toBe('live')
  streams.at(-1)?.onerror?.()
  expect(waits.at(-1)?.delayMs).toBe(1000)
})

test('closing ends the stream and the wait for another', () => {
  const { store, streams, waits } = setUp()
  streams[0]?.onerror?.()
  store.close()
  expect(waits[0]?.isCancelled).toBe(true)
  waits[0]?.task()
  expect(streams).toHaveLength(1)
})
